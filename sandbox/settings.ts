import { join } from 'node:path';
import { z } from 'zod';
import { findProjectRoot } from '../runtime/root.js';

const settingsSchema = z.object({
  SANDBOX_HOST: z.string().default('127.0.0.1'),
  SANDBOX_PORT: z.coerce.number().int().min(0).max(65_535).default(8090),
  /** 1 takes about eight seconds for a clip, 2 half of it; 0 (`instant`) answers at once, with one kept clip for each shape. */
  SANDBOX_SPEED: z.union([z.literal('instant').transform(() => 0), z.coerce.number().nonnegative()]).default(1),
  SANDBOX_CLIPS_DIR: z.string().optional(),
  /** One kept clip for each shape at every speed. */
  SANDBOX_SHARED_CLIPS: z.stringbool().default(false),
  /** Whether files have an ETag, without which a cut download cannot be resumed. */
  SANDBOX_ETAGS: z.stringbool().default(true),
  LOG_LEVEL: z.string().default('info'),
});

export function readSettings(environment: NodeJS.ProcessEnv = process.env) {
  const parsed = settingsSchema.safeParse(environment);
  if (!parsed.success) throw new Error(`The settings are not valid:\n${z.prettifyError(parsed.error)}`);
  const settings = parsed.data;
  const clipsDir = settings.SANDBOX_CLIPS_DIR ?? join(findProjectRoot(), '.reelay', 'clips');
  return { ...settings, SANDBOX_CLIPS_DIR: clipsDir };
}

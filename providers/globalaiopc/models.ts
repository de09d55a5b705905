import { z } from 'zod';
import type { ModelAbilities } from '../../contract/abilities.js';
import { type AdapterSettings, narrowPolling, pathSetting, pollingSettings } from '../adapter.js';

/** What the vendor's page leaves open or contradicts itself about. */
const settingsSchema = z.strictObject({
  /** The page's heading says `/v1/sora/videos`, its sample what is the default here. */
  createPath: pathSetting.default('/sora/videos'),
  /** Where a task is asked for, followed by its id. The page promises such a call and does not name it, so there is no default. */
  queryPath: z
    .string({ error: 'must be set: the page does not say where a task is asked for; often it is the createPath' })
    .pipe(pathSetting),
  /** `sora-2-pro`: the page's table allows 25 seconds, its text does not. */
  proLongClips: z.enum(['true', 'false']).default('false'),
  /** The page limits neither the bytes nor the kinds of images. */
  maxImageBytes: z.coerce
    .number()
    .int()
    .positive()
    .default(10 * 1024 * 1024),
  ...pollingSettings,
});
export type GlobalaiopcSettings = z.infer<typeof settingsSchema>;

export function readGlobalaiopcSettings(settings: AdapterSettings): GlobalaiopcSettings {
  return settingsSchema.parse(settings);
}

export const defaultShape = { width: 720, height: 1280, aspectRatio: '9:16' } as const;

const usualSeconds = [10, 15];
const proSeconds = [...usualSeconds, 25];

const models = ['sora-2', 'sora-2-stable', 'sora-2-pro'];

const abilities: ModelAbilities = {
  operations: ['text_to_video', 'image_to_video'],
  duration: { kind: 'set', values: usualSeconds },
  geometry: {
    promised: 'pixels',
    shapes: [{ width: 1280, height: 720, aspectRatio: '16:9' }, defaultShape],
    default: defaultShape,
  },
  promptMaxCharacters: 32_000,
  maxVariants: 1,
  options: {
    negativePrompt: false,
    seed: false,
    generateAudio: false,
    enhancePrompt: false,
    personGeneration: false,
  },
  inputs: {
    firstFrame: true,
    lastFrame: false,
    maxReferences: 3,
    maxBytes: 0,
    contentTypes: ['image/png', 'image/jpeg', 'image/webp'],
    form: 'url',
    framePixels: 'any',
    exclusive: ['firstFrame', 'references'],
  },
  // The page gives no pace; clients of the vendor's other interface ask about as often.
  polling: { firstLookMs: 20_000, intervalMs: 20_000 },
  canCancel: false,
  canReconcile: false,
  callsBack: false,
};

export function globalaiopcAbilities(upstreamModel: string, settings: AdapterSettings): ModelAbilities | undefined {
  const { proLongClips, maxImageBytes, ...narrowed } = readGlobalaiopcSettings(settings);
  if (!models.includes(upstreamModel)) return undefined;
  const takesLongClips = upstreamModel === 'sora-2-pro' && proLongClips === 'true';
  return {
    ...abilities,
    duration: { kind: 'set', values: takesLongClips ? proSeconds : usualSeconds },
    inputs: { ...abilities.inputs, maxBytes: maxImageBytes },
    polling: narrowPolling(abilities.polling, narrowed),
  };
}

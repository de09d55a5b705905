import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({ version: z.string() });
const SHOWN_DIGITS = 12;

/** What names the code in `root`: its version and, where it was built, the beginning of the hash of what it was built from. */
export function buildIdOf(root: string): string {
  const { version } = manifestSchema.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  const stamp = join(root, 'dist', '.built-from');
  return existsSync(stamp) ? `${version}-${readFileSync(stamp, 'utf8').slice(0, SHOWN_DIGITS)}` : version;
}

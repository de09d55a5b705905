import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writePrivate } from './state.js';

/** What scripts learn about a running stack. A part that the operator replaced has no process, and no address that we know of. */
const stackSchema = z.object({
  apiUrl: z.string(),
  apiKey: z.string(),
  temporalAddress: z.string(),
  temporalUiUrl: z.string(),
  namespace: z.string(),
  databaseUrl: z.string(),
  sandboxUrl: z.string(),
  /** Empty where files are not on this machine's disk. */
  artifactsDir: z.string(),
  pids: z.record(z.string(), z.number()),
});
export type StackFile = z.infer<typeof stackSchema>;

const pathIn = (home: string) => join(home, 'stack.json');

export function writeStackFile(home: string, stack: StackFile): void {
  writePrivate(pathIn(home), `${JSON.stringify(stack, null, 2)}\n`);
}

export function readStackFile(home: string): StackFile | undefined {
  const file = pathIn(home);
  return existsSync(file) ? stackSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

export function removeStackFile(home: string): void {
  rmSync(pathIn(home), { force: true });
}

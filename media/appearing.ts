import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';

/** Has a file made under another name, and named when it is whole. */
export async function appearing<Result>(
  path: string,
  make: (temporaryPath: string) => Promise<Result>,
): Promise<Result> {
  // Named here and not by the child, so that it is cleared away also when the child is killed.
  const temporaryPath = `${path}.${randomUUID()}.part`;
  try {
    const result = await make(temporaryPath);
    await rename(temporaryPath, path);
    return result;
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

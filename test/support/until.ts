import { setTimeout as pause } from 'node:timers/promises';

const LOOK_AGAIN_MS = 100;

/** Waits until `condition` holds; errors count as "not yet". Jest's own time limit ends it. */
export async function until<Result>(
  condition: () => Promise<Result | false | undefined> | Result | false | undefined,
  everyMs = LOOK_AGAIN_MS,
): Promise<Result> {
  for (;;) {
    const result = await attempt(condition);
    if (result) return result;
    await pause(everyMs);
  }
}

async function attempt<Result>(condition: () => Promise<Result> | Result): Promise<Result | undefined> {
  try {
    return await condition();
  } catch {
    return undefined;
  }
}

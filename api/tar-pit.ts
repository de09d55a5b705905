import type { Response } from 'express';

const HOLD_MS = 1_000;
/** An answer that is held costs some kilobytes. */
const MAX_HELD = 500;

export type TarPit = ReturnType<typeof createTarPit>;

/**
 * Answers those who ask too much late, so that they cannot ask more often: to refuse at once costs a flooded process as much as to serve. Those
 * for whom there is no room are cut off.
 */
export function createTarPit({ holdMs = HOLD_MS, maxHeld = MAX_HELD } = {}) {
  let held = 0;

  return {
    hold(response: Response, answer: () => void): void {
      if (response.closed) return;
      if (held >= maxHeld) return void response.destroy();
      held += 1;
      const timer = setTimeout(answer, holdMs);
      response.once('close', () => {
        held -= 1;
        clearTimeout(timer);
      });
    },
  };
}

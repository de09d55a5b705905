const PACE_MS = 250;

/**
 * Wakes at once, and then no more often than the pace: announcements come by the hundred when many jobs do, and one look finds all
 * that is to be done.
 */
export function createPacedWake(wake: () => void, paceMs = PACE_MS): () => void {
  let isResting = false;
  let isDue = false;

  return function wakeSoon(): void {
    if (isResting) {
      isDue = true;
      return;
    }
    isResting = true;
    isDue = false;
    wake();
    // Nothing is lost with it: every dispatcher also looks once a second.
    setTimeout(() => {
      isResting = false;
      if (isDue) wakeSoon();
    }, paceMs).unref();
  };
}

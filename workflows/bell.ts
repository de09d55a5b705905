import { ActivityFailure, CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * Providers' callbacks, as far as a workflow cares: they end a wait early. One that comes before its attempt waits for anything is remembered;
 * one for another attempt wakes nobody.
 *
 * Without a patch, whose marker is two events: an attempt is called back only where the workflow that submitted it said that it listens, so
 * no earlier code has met these signals.
 */
export function createBell() {
  const rung = new Set<number>();
  let waiting: { attempt: number; wake: () => void } | undefined;

  return {
    ring(attempt: number): void {
      rung.add(attempt);
      if (waiting?.attempt === attempt) waiting.wake();
    },

    /** Whether it rang for this attempt, and nobody has heard it yet. */
    hasRung(attempt: number): boolean {
      return rung.delete(attempt);
    },

    /** `rung` when it rang before `work` came to an end. What rang before it began is no news to it. */
    async orUntilRung<Result>(attempt: number, work: () => Promise<Result>): Promise<Result | 'rung'> {
      rung.delete(attempt);
      const around = CancellationScope.current();
      const scope = new CancellationScope();
      let isRung = false;
      waiting = {
        attempt,
        wake() {
          isRung = true;
          scope.cancel();
        },
      };
      try {
        return await scope.run(work);
      } catch (error) {
        // An activity that is told to stop may also give up by itself.
        const hasStopped = isCancellation(error) || error instanceof ActivityFailure;
        if (isRung && hasStopped && !around.consideredCancelled) return 'rung';
        throw error;
      } finally {
        waiting = undefined;
      }
    },
  };
}

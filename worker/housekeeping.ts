import type { ArtifactStore } from '../artifacts/store.js';
import type { Logger } from '../runtime/logger.js';
import type { Artifacts } from '../store/artifacts.js';

type Parts = {
  artifacts: Pick<Artifacts, 'expired' | 'release' | 'unowned'>;
  store: Pick<ArtifactStore, 'remove' | 'sweepTemporaryFiles' | 'sweepUnowned'>;
  logger: Pick<Logger, 'info' | 'warn'>;
  /** A half-written file that is older than this was left by a process that is dead. */
  unfinishedFilesLiveMs: number;
  /** So long whole files live that no row names; nought is for ever. Rows may also be missing because an older database was put back. */
  unownedFilesLiveMs: number;
};

const EVERY_MS = 60 * 60 * 1_000;
const BATCH = 100;

/** Once at start and then hourly: removes the files whose time is over, and what steps left behind that came to nothing. */
export function createHousekeeping({ artifacts, store, logger, unfinishedFilesLiveMs, unownedFilesLiveMs }: Parts) {
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let isClosing = false;

  return {
    start(): void {
      const begin = () => {
        round = tidy();
      };
      begin();
      timer = setInterval(begin, EVERY_MS);
    },
    tidy,
    async close(): Promise<void> {
      clearInterval(timer);
      isClosing = true;
      await round;
    },
  };

  async function tidy(): Promise<void> {
    try {
      const unfinished = await store.sweepTemporaryFiles(unfinishedFilesLiveMs);
      const unowned = await sweepUnowned();
      let expired = 0;
      for (let batch = await artifacts.expired(BATCH); batch.length > 0; batch = await artifacts.expired(BATCH)) {
        for (const { location } of batch) {
          if (isClosing) return; // the rest is for the next round, whoever holds it
          await artifacts.release(location, () => store.remove(location));
        }
        expired += batch.length;
      }
      if (unfinished + unowned + expired > 0) logger.info({ unfinished, unowned, expired }, 'files removed');
    } catch (error) {
      logger.warn({ err: error }, 'housekeeping failed; it is tried again in an hour');
    }
  }

  async function sweepUnowned(): Promise<number> {
    if (unownedFilesLiveMs === 0) return 0;
    return store.sweepUnowned({ olderThanMs: unownedFilesLiveMs, unowned: (keys) => artifacts.unowned(keys) });
  }
}

import type { ArtifactStore } from '../artifacts/store.js';
import type { Logger } from '../runtime/logger.js';
import type { Artifacts } from '../store/artifacts.js';

type Parts = {
  artifacts: Pick<Artifacts, 'expired' | 'markDeleted' | 'unowned'>;
  store: Pick<ArtifactStore, 'remove' | 'sweepTemporaryFiles' | 'sweepUnowned'>;
  logger: Logger;
  /** A file without a name or without a row that is older than this belongs to a step that came to nothing. */
  unfinishedFilesLiveMs: number;
};

const EVERY_MS = 60 * 60 * 1_000;
const BATCH = 100;

/** Once at start and then hourly: removes the files whose time is over, and what steps left behind that came to nothing. */
export function createHousekeeping({ artifacts, store, logger, unfinishedFilesLiveMs }: Parts) {
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
      const olderThanMs = unfinishedFilesLiveMs;
      const halves = await store.sweepTemporaryFiles(olderThanMs);
      const unowned = await store.sweepUnowned({ olderThanMs, unowned: (keys) => artifacts.unowned(keys) });
      const leftovers = halves + unowned;
      let removed = 0;
      for (let batch = await artifacts.expired(BATCH); batch.length > 0; batch = await artifacts.expired(BATCH)) {
        for (const { id, location } of batch) {
          if (isClosing) return; // the rest is for the next round, whoever holds it
          // The file first: a row without its file is tidied again, a file without its row would stay for ever.
          await store.remove(location);
          await artifacts.markDeleted(id);
        }
        removed += batch.length;
      }
      if (leftovers + removed > 0) logger.info({ leftovers, removed }, 'files removed');
    } catch (error) {
      logger.warn({ err: error }, 'housekeeping failed; it is tried again in an hour');
    }
  }
}

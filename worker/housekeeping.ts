import type { ArtifactStore } from '../artifacts/store.js';
import type { Logger } from '../runtime/logger.js';
import type { Artifacts } from '../store/artifacts.js';

type Parts = {
  artifacts: Pick<Artifacts, 'expired' | 'markDeleted'>;
  store: Pick<ArtifactStore, 'remove' | 'sweepTemporaryFiles'>;
  logger: Logger;
  /** A temporary file older than this belongs to a process that died. */
  temporaryFilesLiveMs: number;
};

const EVERY_MS = 60 * 60 * 1_000;
const BATCH = 100;

/** Once at start and then hourly: removes the files whose time is over, and what dead processes left half-written. */
export function createHousekeeping({ artifacts, store, logger, temporaryFilesLiveMs }: Parts) {
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
      const leftovers = await store.sweepTemporaryFiles(temporaryFilesLiveMs);
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

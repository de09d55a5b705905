import type { Client } from '@temporalio/client';
import type { Providers } from '../providers/registry.js';
import type { Config } from '../runtime/config.js';
import type { Logger } from '../runtime/logger.js';
import type { Attempts } from '../store/attempts.js';
import type { WatchList } from '../store/watch-list.js';
import { createRepeated } from './repeat.js';
import { accountsThatList, keepProviderSweep, setProviderSweep } from './schedules.js';
import { lookAtLeftTasks } from './watch.js';

type Parts = {
  config: Config;
  accounts: string[];
  client: Client;
  attempts: Attempts;
  watchList: WatchList;
  providers: Providers;
  logger: Logger;
};

/** A list has many pages. */
const LOOKS_PER_LIST = 10;

/** What the worker does beside the jobs: it looks at the tasks that they left, and keeps the schedule that looks for tasks nobody owns. */
export function createSweeps({ config, accounts, client, attempts, watchList, providers, logger }: Parts) {
  const times = {
    firstPauseMs: config.LEFT_TASK_FIRST_LOOK_MS,
    longestPauseMs: config.LEFT_TASK_LONGEST_PAUSE_MS,
    watchMs: config.LEFT_TASK_WATCH_MS,
  };
  const lookTimeoutMs = config.LOOK_TIMEOUT_MS;
  const everyMs = config.SWEEP_INTERVAL_MS;
  const watch = createRepeated({
    what: 'looking at tasks that were left',
    everyMs,
    logger,
    work: (signal) => lookAtLeftTasks({ watchList, attempts, providers, logger, times, lookTimeoutMs }, signal),
  });

  const sweep = {
    everyMs: config.PROVIDER_SWEEP_INTERVAL_MS,
    input: {
      accounts: accountsThatList(providers, accounts),
      lookBackMs: config.PROVIDER_SWEEP_LOOK_BACK_MS,
      submitTimeoutMs: config.SUBMIT_TIMEOUT_MS,
      listTimeoutMs: LOOKS_PER_LIST * lookTimeoutMs,
      cancelTimeoutMs: lookTimeoutMs,
    },
  };
  let isSet = false;
  const schedule = createRepeated({
    what: 'keeping the schedule of the standing sweep',
    everyMs,
    logger,
    async work() {
      // Once as the settings say; after that only where the server has lost it, so that an operator may pause or change it.
      if (isSet) await keepProviderSweep(client, sweep);
      else await setProviderSweep(client, sweep);
      isSet = true;
    },
  });

  return {
    start(): void {
      watch.start();
      schedule.start();
    },
    async close(): Promise<void> {
      await Promise.all([watch.close(), schedule.close()]);
    },
  };
}

import type { Client } from '@temporalio/client';
import type { Providers } from '../providers/registry.js';
import type { Config } from '../runtime/config.js';
import type { Logger } from '../runtime/logger.js';
import type { Attempts } from '../store/attempts.js';
import type { WatchList } from '../store/watch-list.js';
import type { WebhookLog } from '../store/webhook-log.js';
import { createRepeated } from './repeat.js';
import { accountsThatList, keepProviderSweep, setProviderSweep } from './schedules.js';
import { lookAtLeftTasks } from './watch.js';

type Parts = {
  config: Config;
  accounts: string[];
  client: Client;
  attempts: Attempts;
  watchList: WatchList;
  webhookLog: Pick<WebhookLog, 'forget'>;
  providers: Providers;
  logger: Logger;
};

/** A list has many pages. */
const LOOKS_PER_LIST = 10;
const FORGET_EVERY_MS = 60 * 60 * 1_000;
const FORGOTTEN_AT_ONCE = 1_000;

/**
 * What the worker does beside the jobs: it looks at the tasks that they left, keeps the schedule that looks for tasks nobody owns, and
 * forgets webhooks of long ago.
 */
export function createSweeps(parts: Parts) {
  const { config, accounts, client, attempts, watchList, webhookLog, providers, logger } = parts;
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

  const forgetting = createRepeated({
    what: 'forgetting old webhooks',
    everyMs: FORGET_EVERY_MS,
    logger,
    async work(signal) {
      const old = { olderThanDays: config.WEBHOOK_LOG_DAYS, limit: FORGOTTEN_AT_ONCE };
      let forgotten = FORGOTTEN_AT_ONCE;
      while (forgotten === FORGOTTEN_AT_ONCE && !signal.aborted) forgotten = await webhookLog.forget(old);
    },
  });

  const all = [watch, schedule, forgetting];
  return {
    start(): void {
      for (const each of all) each.start();
    },
    async close(): Promise<void> {
      await Promise.all(all.map((each) => each.close()));
    },
  };
}

import { ActivityFailure, proxyActivities } from '@temporalio/workflow';
import type { SweepActivities } from '../activities/index.js';
import type { SweepInput, SweepOutcome } from '../activities/sweep-provider.js';
import { providerQueue } from '../contract/queues.js';

export type SweepProvidersInput = Omit<SweepInput, 'account'> & { accounts: string[] };

/** Looks, at every account that can list its tasks, for those that no job owns. Started by a schedule. What fails now is done by the next. */
export async function sweepProviders({
  accounts,
  ...times
}: SweepProvidersInput): Promise<Record<string, SweepOutcome | 'failed'>> {
  const swept = accounts.map(async (account) => [account, await sweep({ account, ...times })] as const);
  return Object.fromEntries(await Promise.all(swept));
}

async function sweep(input: SweepInput): Promise<SweepOutcome | 'failed'> {
  const { sweepProvider } = proxyActivities<SweepActivities>({
    taskQueue: providerQueue(input.account),
    summary: `tasks of ${input.account} that no job owns`,
    startToCloseTimeout: input.listTimeoutMs + 60_000,
    scheduleToCloseTimeout: 2 * (input.listTimeoutMs + 60_000),
    retry: { initialInterval: 1_000, maximumAttempts: 3 },
  });
  try {
    return await sweepProvider(input);
  } catch (error) {
    if (error instanceof ActivityFailure) return 'failed';
    throw error;
  }
}

import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { workflowQueue } from '../contract/queues.js';
import type { Providers } from '../providers/registry.js';
import type { SweepProvidersInput, sweepProviders } from '../workflows/sweep-providers.js';

/** The standing sweep, as Temporal's Web UI names it. */
const scheduleId = 'reelay-sweep-providers';

type Sweep = {
  /** 0: no sweep. */
  everyMs: number;
  input: SweepProvidersInput;
};

/** Accounts of which this process has the key and whose provider lists its tasks. */
export function accountsThatList(providers: Providers, accounts: string[]): string[] {
  return accounts.filter((account) => {
    try {
      return providers.get(account).list !== undefined;
    } catch {
      return false;
    }
  });
}

/** Makes the schedule of the standing sweep what the settings say, whatever it was before. */
export async function setProviderSweep(client: Client, sweep: Sweep): Promise<void> {
  const handle = client.schedule.getHandle(scheduleId);
  if (!isWanted(sweep)) return handle.delete().catch(ignoreMissing);
  if (await keepProviderSweep(client, sweep)) return;
  const { action, policies, spec } = scheduleOf(sweep);
  await handle.update((previous) => ({ ...previous, action, policies, spec }));
}

/**
 * Makes the schedule where there is none: a server that has lost its file has lost it, too.
 * @returns whether it was made. An update right after that could undo an operator's pause, which the server applies first.
 */
export async function keepProviderSweep(client: Client, sweep: Sweep): Promise<boolean> {
  if (!isWanted(sweep)) return false;
  try {
    await client.schedule.create(scheduleOf(sweep));
    return true;
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    return false;
  }
}

function isWanted({ everyMs, input }: Sweep): boolean {
  return everyMs > 0 && input.accounts.length > 0;
}

function scheduleOf({ everyMs, input }: Sweep) {
  return {
    scheduleId,
    spec: { intervals: [{ every: everyMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: everyMs },
    action: {
      type: 'startWorkflow',
      workflowType: 'sweepProviders' satisfies (typeof sweepProviders)['name'],
      workflowId: scheduleId,
      taskQueue: workflowQueue,
      args: [input],
      workflowExecutionTimeout: '1 hour',
    },
  } as const satisfies ScheduleOptions;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { notReady } from '../../activities/failure.js';
import type { ReconcileInput } from '../../activities/reconcile-submission.js';
import { jobState } from '../../workflows/messages.js';
import { aPlan, aRoute } from '../support/plans.js';
import { until } from '../support/until.js';
import { type Script, startWorkflowWorld } from '../support/workflow-world.js';

jest.setTimeout(30_000);

const taskAt = (account: string, attempt: number) => ({
  account,
  upstreamModel: 'model-1',
  id: `task-${attempt}`,
});

/** The first provider's answer is lost, the second takes the job. */
const lostAtFirst: Script['submitGeneration'] = async ({ route, attempt }) =>
  route.account === 'first' ? { kind: 'unknown' } : { kind: 'accepted', task: taskAt(route.account, attempt) };
const acceptedEverywhere: Script['submitGeneration'] = async ({ route, attempt }) => ({
  kind: 'accepted',
  task: taskAt(route.account, attempt),
});
const nobodyKnows: Script['reconcileSubmission'] = async ({ isHeld }) => {
  if (isHeld) throw notReady('an operator decides', 50);
  return { kind: 'still_unknown' };
};

describe('a job of which nobody knows', () => {
  let world: Awaited<ReturnType<typeof startWorkflowWorld>>;
  beforeAll(async () => {
    world = await startWorkflowWorld(['first', 'second']);
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it('goes on with the next provider where its policy is failover, and says what it was told', async () => {
    const asked: ReconcileInput[] = [];
    const { handle, calls } = await world.start(aPlan({ unknownPolicy: 'failover' }), {
      submitGeneration: lostAtFirst,
      reconcileSubmission: async (input) => {
        asked.push(input);
        return { kind: 'still_unknown' };
      },
    });
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(calls).toEqual([
      'submitGeneration',
      'reconcileSubmission',
      'submitGeneration',
      'pollTask',
      'downloadResult',
      'finishJob',
    ]);
    expect(asked).toMatchObject([{ attempt: 1, unknownPolicy: 'failover', graceMs: 100 }]);
    const { story } = await handle.query(jobState);
    expect(story.slice(0, 2)).toEqual(['first · submitting → unknown', 'first · reconciling → still_unknown']);
  });

  it('waits for an operator where its policy is hold, shows that, and takes the word', async () => {
    let word: 'failover' | undefined;
    const { handle, calls } = await world.start(aPlan({ unknownPolicy: 'hold' }), {
      submitGeneration: lostAtFirst,
      reconcileSubmission: async (input) => {
        if (word) return { kind: 'resolved', as: word };
        return nobodyKnows(input);
      },
    });
    await until(async () => (await handle.query(jobState)).step === 'hold');
    expect(await handle.query(jobState)).toMatchObject({ phase: 'reconciling', attempt: 1, provider: 'first' });
    expect(calls).not.toContain('finishJob');
    const { events } = await handle.fetchHistory();
    const held = events?.findLast(
      ({ activityTaskScheduledEventAttributes: of }) => of,
    )?.activityTaskScheduledEventAttributes;
    expect(Number(held?.scheduleToCloseTimeout?.seconds)).toBe(7 * 24 * 60 * 60);
    word = 'failover';
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(calls.filter((name) => name === 'submitGeneration')).toHaveLength(2);
  });

  it('fails when the operator’s time is over', async () => {
    const { handle } = await world.start(aPlan({ unknownPolicy: 'hold', timing: { holdMs: 500 } }), {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: nobodyKnows,
    });
    expect(await handle.result()).toEqual({ state: 'failed', errorCode: 'submission_unknown' });
  });

  it('stops waiting when it is cancelled', async () => {
    const { handle, calls } = await world.start(aPlan({ unknownPolicy: 'hold' }), {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: nobodyKnows,
    });
    await until(async () => (await handle.query(jobState)).step === 'hold');
    await handle.cancel();
    expect(await handle.result()).toEqual({ state: 'canceled' });
    expect(new Set(calls)).toEqual(new Set(['submitGeneration', 'reconcileSubmission', 'finishJob']));
  });

  it('has its clock stand still while it waits, and then all of its time', async () => {
    let isDecided = false;
    const plan = aPlan({ unknownPolicy: 'hold', timing: { deadlineMs: 4_000 } });
    const { handle } = await world.start(plan, {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: async (input) => {
        if (isDecided) return { kind: 'accepted', task: taskAt('first', 1) };
        return nobodyKnows(input);
      },
    });
    const began = Date.now();
    await until(async () => Date.now() - began > 5_000 && (await handle.query(jobState)).step === 'hold');
    isDecided = true;
    expect(await handle.result()).toEqual({ state: 'succeeded' });
  });
});

describe('a task that was left', () => {
  let world: Awaited<ReturnType<typeof startWorkflowWorld>>;
  beforeAll(async () => {
    world = await startWorkflowWorld(['first', 'second']);
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  /** The first provider's task stalls; the second refuses the job. `looks` is what each look at the first task says. */
  const stalledAtFirst = (...looks: Awaited<ReturnType<Script['lookOnce']>>[]): Partial<Script> => ({
    submitGeneration: async ({ route, attempt }) =>
      route.account === 'first'
        ? { kind: 'accepted', task: taskAt('first', attempt) }
        : { kind: 'refused', errorClass: 'BALANCE' },
    pollTask: async () => {
      throw notReady('running', 50);
    },
    cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
    lookOnce: async () => looks.shift() ?? { kind: 'pending' },
  });
  const impatient = () => aPlan({ timing: { stallMs: 300 } });
  const withoutPolls = (calls: string[]) => calls.filter((name) => name !== 'pollTask');
  const untilRefused = ['submitGeneration', 'cancelTask', 'lookOnce', 'submitGeneration'];

  it('is looked at once more before the job fails, and kept when it has succeeded meanwhile', async () => {
    const { handle, calls } = await world.start(
      impatient(),
      stalledAtFirst({ kind: 'pending' }, { kind: 'succeeded' }),
    );
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(withoutPolls(calls)).toEqual([...untilRefused, 'lookOnce', 'downloadResult', 'finishJob']);
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes).toMatchObject({ ReelayProvider: ['first'], ReelayStatus: ['succeeded'] });
  });

  it('does not save a job when it still runs', async () => {
    const { handle, calls } = await world.start(impatient(), stalledAtFirst({ kind: 'pending' }, { kind: 'pending' }));
    expect(await handle.result()).toEqual({ state: 'failed', errorCode: 'provider_unavailable' });
    expect(withoutPolls(calls)).toEqual([...untilRefused, 'lookOnce', 'finishJob']);
  });

  it('is looked at, too, when the deadline comes before the next try', async () => {
    const plan = aPlan({
      timing: { stallMs: 300, deadlineMs: 4_000, retryPauseMs: 60_000, longestRetryAfterMs: 60_000 },
    });
    const { handle, calls } = await world.start(plan, {
      ...stalledAtFirst({ kind: 'pending' }, { kind: 'succeeded' }),
      submitGeneration: async ({ route, attempt }) =>
        route.account === 'first'
          ? { kind: 'accepted', task: taskAt('first', attempt) }
          : { kind: 'refused', errorClass: 'RATE_LIMITED' },
    });
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(withoutPolls(calls)).toEqual([...untilRefused, 'lookOnce', 'downloadResult', 'finishJob']);
  });
});

describe('the deadline', () => {
  let world: Awaited<ReturnType<typeof startWorkflowWorld>>;
  beforeAll(async () => {
    world = await startWorkflowWorld(['first', 'second']);
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it('is waited for although no further look fits before it: nothing more is bought, and a late success is kept', async () => {
    const began = Date.now();
    let lookedAfterMs = 0;
    const { handle, calls } = await world.start(aPlan({ timing: { deadlineMs: 3_000 } }), {
      submitGeneration: acceptedEverywhere,
      pollTask: async () => {
        throw notReady('running', 10_000);
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => {
        lookedAfterMs = Date.now() - began;
        return { kind: 'succeeded' };
      },
    });
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(calls).toEqual(['submitGeneration', 'pollTask', 'cancelTask', 'lookOnce', 'downloadResult', 'finishJob']);
    expect(lookedAfterMs).toBeGreaterThanOrEqual(2_800);
  });

  it('ends a pause between tries, and nothing is sent after it', async () => {
    const plan = aPlan({ routes: [aRoute()], timing: { deadlineMs: 2_000, retryPauseMs: 9_000 } });
    const { handle, calls } = await world.start(plan, {
      submitGeneration: async () => ({ kind: 'refused', errorClass: 'RATE_LIMITED' }),
    });
    const began = Date.now();
    expect(await handle.result()).toEqual({ state: 'failed', errorCode: 'deadline_exceeded' });
    expect(calls).toEqual(['submitGeneration', 'finishJob']);
    expect(Date.now() - began).toBeLessThan(9_000);
  });

  it('does not stop a reconciliation, and the task that is found is left', async () => {
    let runs = 0;
    const { handle, calls } = await world.start(aPlan({ timing: { deadlineMs: 400 } }), {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: async () => {
        runs += 1;
        if (runs < 5) throw notReady('the provider does not know yet', 150);
        return { kind: 'accepted', task: taskAt('first', 1) };
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => ({ kind: 'pending' }),
    });
    expect(await handle.result()).toEqual({ state: 'failed', errorCode: 'deadline_exceeded' });
    expect(calls.slice(-3)).toEqual(['cancelTask', 'lookOnce', 'finishJob']);
  });

  it('a cancel between tries sends nothing more', async () => {
    const { handle, calls } = await world.start(aPlan({ timing: { retryPauseMs: 9_000 } }), {
      submitGeneration: async () => ({ kind: 'not_sent', errorClass: 'NETWORK' }),
    });
    await until(async () => (await handle.query(jobState)).attempt === 2);
    await handle.cancel();
    expect(await handle.result()).toEqual({ state: 'canceled' });
    expect(calls).toEqual(['submitGeneration', 'finishJob']);
  });

  it('a cancel while it downloads is told what the provider had done', async () => {
    let isDownloading = false;
    const { handle, calls } = await world.start(aPlan(), {
      downloadResult: async () => {
        isDownloading = true;
        throw notReady('not whole', 100);
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => ({ kind: 'succeeded' }),
    });
    await until(async () => isDownloading);
    await handle.cancel();
    expect(await handle.result()).toEqual({ state: 'canceled' });
    expect(calls.slice(-3)).toEqual(['cancelTask', 'lookOnce', 'finishJob']);
    expect(await handle.query(jobState)).toMatchObject({ providerCancel: 'too_late' });
  });
});

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { notReady, tryAgain } from '../../activities/failure.js';
import { jobState } from '../../workflows/messages.js';
import { aPlan, aRoute } from '../support/plans.js';
import { until } from '../support/until.js';
import { startWorkflowWorld } from '../support/workflow-world.js';

describe('videoJob', () => {
  let world: Awaited<ReturnType<typeof startWorkflowWorld>>;
  beforeAll(async () => {
    world = await startWorkflowWorld(['first', 'second']);
  }, 60_000);
  afterAll(() => world.close(), 30_000);
  jest.setTimeout(30_000);

  const notReadyTimes = (times: number) => {
    let looks = 0;
    return async () => {
      looks += 1;
      if (looks <= times) throw notReady(`running ${looks} %`, 1);
      return { kind: 'succeeded' } as const;
    };
  };

  it('submits, waits, polls, downloads and finishes, in at most 36 events however often it looks', async () => {
    const { handle, calls } = await world.start(aPlan(), { pollTask: notReadyTimes(40) });
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(new Set(calls)).toEqual(new Set(['submitGeneration', 'pollTask', 'downloadResult', 'finishJob']));
    expect(calls.filter((name) => name === 'pollTask')).toHaveLength(41);

    const { events } = await handle.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(36);
    const names = events?.flatMap(({ activityTaskScheduledEventAttributes: of }) => of?.activityType?.name ?? []);
    expect(names).toEqual(['submitGeneration', 'pollTask', 'downloadResult', 'finishJob']);
    expect(events?.filter(({ timerStartedEventAttributes }) => timerStartedEventAttributes)).toHaveLength(1);
  });

  it('has its first look read what is recorded of its task only where it was started before', async () => {
    const resumption = {
      attempt: 1,
      routeIndex: 0,
      triesOnRoute: 1,
      spentMicros: 0,
      hasLeftUnknown: false,
      abandoned: [],
      isCancelRequested: false,
    };
    const firsts: unknown[] = [];
    for (const plan of [aPlan(), { ...aPlan(), resumption }]) {
      const { handle } = await world.start(plan, {
        pollTask: async ({ isFirstPoll }) => {
          firsts.push(isFirstPoll);
          return { kind: 'succeeded' };
        },
      });
      await handle.result();
    }
    expect(firsts).toEqual([true, false]);
  });

  it('fails over to the second provider when the first refuses, in at most 36 more events', async () => {
    const { handle } = await world.start(aPlan(), {
      submitGeneration: async ({ route }) =>
        route.account === 'first'
          ? { kind: 'refused', errorClass: 'BALANCE' }
          : { kind: 'accepted', task: { account: 'second', upstreamModel: 'model-2', id: 'task-2' } },
    });
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    const { story } = await handle.query(jobState);
    expect(story[0]).toBe('first · submitting → refused (BALANCE)');
    expect(story.at(-1)).toBe('succeeded');
    const { events } = await handle.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(72);
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes).toMatchObject({ ReelayProvider: ['second'], ReelayStatus: ['succeeded'] });
  });

  it('passes over a provider that is left alone, without using a try up, and asks the last in any case', async () => {
    const submits: unknown[] = [];
    const { handle } = await world.start(aPlan(), {
      submitGeneration: async ({ route, attempt, maySkip }) => {
        submits.push({ account: route.account, attempt, maySkip });
        if (maySkip) return { kind: 'skipped' };
        return { kind: 'accepted', task: { account: 'second', upstreamModel: 'model-2', id: 'task-2' } };
      },
    });
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(submits).toEqual([
      { account: 'first', attempt: 1, maySkip: true },
      { account: 'second', attempt: 1, maySkip: false },
    ]);
    expect((await handle.query(jobState)).story[0]).toBe('first · submitting → skipped');
    expect((await handle.describe()).searchAttributes).toMatchObject({ ReelayProvider: ['second'] });
    const { events } = await handle.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(72);
  });

  it('gives a stalled task up, looks once more, and goes on with the next provider', async () => {
    let isStalled: boolean | undefined;
    const { handle, calls } = await world.start(aPlan({ timing: { stallMs: 3_000 } }), {
      submitGeneration: async ({ route, attempt }) => ({
        kind: 'accepted',
        task: { account: route.account, upstreamModel: route.upstreamModel, id: `task-${attempt}` },
      }),
      pollTask: async ({ task }) => {
        if (task.account === 'first') throw notReady('running', 50);
        return { kind: 'succeeded' };
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async (input) => {
        isStalled = input.isStalled;
        return { kind: 'pending' };
      },
    });
    expect(await handle.result()).toEqual({ state: 'succeeded' });
    expect(isStalled).toBe(true);
    expect(calls.filter((name) => name !== 'pollTask')).toEqual([
      'submitGeneration',
      'cancelTask',
      'lookOnce',
      'submitGeneration',
      'downloadResult',
      'finishJob',
    ]);
  });

  it('stops while it polls when it is cancelled, cancels at the provider and settles as canceled', async () => {
    const { handle, calls } = await world.start(aPlan(), {
      pollTask: async () => {
        throw notReady('running', 50);
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'confirmed' }),
      lookOnce: async () => ({ kind: 'pending' }),
    });
    await until(async () => calls.includes('pollTask'));
    await handle.cancel();
    expect(await handle.result()).toEqual({ state: 'canceled' });
    expect(calls.slice(-3)).toEqual(['cancelTask', 'lookOnce', 'finishJob']);
    expect(await handle.query(jobState)).toMatchObject({ providerCancel: 'confirmed', isCancelRequested: true });
  });

  it('waits for the answer to a submit before it obeys a cancel, and then cancels the task it got', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { handle, calls } = await world.start(aPlan(), {
      submitGeneration: async () => {
        await answered;
        return { kind: 'accepted', task: { account: 'first', upstreamModel: 'model-1', id: 'task-1' } };
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => ({ kind: 'succeeded' }),
    });
    await until(async () => calls.includes('submitGeneration'));
    await handle.cancel();
    await until(async () => (await handle.query(jobState)).isCancelRequested);
    answer();
    expect(await handle.result()).toEqual({ state: 'canceled' });
    expect(calls).toEqual(['submitGeneration', 'cancelTask', 'lookOnce', 'finishJob']);
    expect(await handle.query(jobState)).toMatchObject({ providerCancel: 'too_late' });
  });

  it('reconciles a lost answer and, when nobody knows, ends as submission_unknown without a second submit', async () => {
    const { handle, calls } = await world.start(aPlan(), {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: async () => ({ kind: 'still_unknown' }),
    });
    expect(await handle.result()).toEqual({ state: 'failed', errorCode: 'submission_unknown' });
    expect(calls).toEqual(['submitGeneration', 'reconcileSubmission', 'finishJob']);
  });

  it('ends at its deadline after one more look, and says so', async () => {
    let isStalled: boolean | undefined;
    const { handle, calls } = await world.start(aPlan({ routes: [aRoute()], timing: { deadlineMs: 700 } }), {
      pollTask: async () => {
        throw notReady('running', 50);
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async (input) => {
        isStalled = input.isStalled;
        return { kind: 'pending' };
      },
    });
    expect(await handle.result()).toEqual({ state: 'failed', errorCode: 'deadline_exceeded' });
    expect(isStalled).toBe(false);
    expect(calls.slice(-3)).toEqual(['cancelTask', 'lookOnce', 'finishJob']);
  });

  it('obeys a cancel that comes while it fetches a late success', async () => {
    let isDownloading = false;
    const { handle, calls } = await world.start(aPlan({ routes: [aRoute()], timing: { deadlineMs: 700 } }), {
      pollTask: async () => {
        throw notReady('running', 50);
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => ({ kind: 'succeeded' }),
      downloadResult: async () => {
        isDownloading = true;
        throw tryAgain('RESULT_INVALID', 'not yet');
      },
    });
    await until(async () => isDownloading);
    await handle.cancel();
    expect(await handle.result()).toEqual({ state: 'canceled' });
    expect(calls.slice(-3)).toEqual(['cancelTask', 'lookOnce', 'finishJob']);
  });

  it('keeps prompts, addresses and provider texts out of its history', async () => {
    const { handle } = await world.start(aPlan());
    await handle.result();
    const history = JSON.stringify(await handle.fetchHistory());
    expect(history).not.toMatch(/https?:|prompt/);
  });
});

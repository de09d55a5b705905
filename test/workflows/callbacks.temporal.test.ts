import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { notReady } from '../../activities/failure.js';
import { jobState, providerCallback } from '../../workflows/messages.js';
import { aPlan, aRoute } from '../support/plans.js';
import { until } from '../support/until.js';
import { type Script, startWorkflowWorld } from '../support/workflow-world.js';

const AN_HOUR_MS = 3_600_000;
/** Nothing but a callback ends these waits within the test. */
const patient = (changes: object = {}) =>
  aPlan({ routes: [aRoute()], timing: { stallMs: AN_HOUR_MS, deadlineMs: AN_HOUR_MS, ...changes } });
const longWait = () => patient({ firstLookMs: AN_HOUR_MS / 2 });

type World = Awaited<ReturnType<typeof startWorkflowWorld>>;
type Started = Awaited<ReturnType<World['start']>>;

/** A provider that has a verdict once the test says so; whoever looks sooner is told to come again much later. */
function aProvider() {
  let isDone = false;
  let looks = 0;
  const firsts: unknown[] = [];
  const pollTask: Script['pollTask'] = async ({ isFirstPoll }) => {
    looks += 1;
    firsts.push(isFirstPoll);
    if (!isDone) throw notReady('running', AN_HOUR_MS / 2);
    return { kind: 'succeeded' };
  };
  return {
    pollTask,
    finish: () => {
      isDone = true;
    },
    looks: () => looks,
    /** What each look was told of being the first. */
    firsts,
  };
}

const eventsOf = async ({ handle }: Started) => (await handle.fetchHistory()).events?.length ?? 0;
const untilStep = (job: Started, step: string) => until(async () => (await job.handle.query(jobState)).step === step);

describe('a provider’s callback', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorkflowWorld(['first', 'second']);
  }, 60_000);
  afterAll(() => world.close(), 30_000);
  jest.setTimeout(30_000);

  it('ends the wait for the first look, in at most 36 events', async () => {
    const provider = aProvider();
    const job = await world.start(longWait(), provider);
    await untilStep(job, 'wait');
    provider.finish();
    await job.handle.signal(providerCallback, { attempt: 1 });
    expect(await job.handle.result()).toEqual({ state: 'succeeded' });
    expect(provider.looks()).toBe(1);
    expect((await job.handle.query(jobState)).story).toContain('first · called back');
    expect(await eventsOf(job)).toBeLessThanOrEqual(36);
  });

  it('makes a job look at once that polls, in at most 46 events', async () => {
    const provider = aProvider();
    const job = await world.start(patient(), provider);
    await until(() => provider.looks() === 1);
    provider.finish();
    await job.handle.signal(providerCallback, { attempt: 1 });
    expect(await job.handle.result()).toEqual({ state: 'succeeded' });
    expect(provider.firsts).toEqual([true, false]);
    expect(await eventsOf(job)).toBeLessThanOrEqual(46);
  });

  it('is not lost when it comes before the answer to the submit', async () => {
    const provider = aProvider();
    provider.finish();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const job = await world.start(longWait(), {
      ...provider,
      submitGeneration: async () => {
        await answered;
        return { kind: 'accepted', task: { account: 'first', upstreamModel: 'model-1', id: 'task-1' } };
      },
    });
    await until(() => job.calls.includes('submitGeneration'));
    await job.handle.signal(providerCallback, { attempt: 1 });
    answer();
    expect(await job.handle.result()).toEqual({ state: 'succeeded' });
    expect(await eventsOf(job)).toBeLessThanOrEqual(36);
  });

  it('is believed in nothing: a job whose task still runs polls on, and a later one wakes it again', async () => {
    const provider = aProvider();
    const job = await world.start(longWait(), provider);
    await untilStep(job, 'wait');
    await job.handle.signal(providerCallback, { attempt: 1 });
    await until(() => provider.looks() === 1);
    expect(await job.handle.query(jobState)).toMatchObject({ step: 'poll', phase: 'polling' });
    await job.handle.signal(providerCallback, { attempt: 1 });
    await until(() => provider.looks() === 2);
    provider.finish();
    await job.handle.signal(providerCallback, { attempt: 1 });
    expect(await job.handle.result()).toEqual({ state: 'succeeded' });
    expect(job.calls.filter((name) => name !== 'pollTask')).toEqual([
      'submitGeneration',
      'downloadResult',
      'finishJob',
    ]);
  });

  it('that comes twice at once, or of another attempt, changes nothing', async () => {
    const provider = aProvider();
    const job = await world.start(longWait(), provider);
    await untilStep(job, 'wait');
    await job.handle.signal(providerCallback, { attempt: 2 });
    await job.handle.signal(providerCallback, { attempt: 0 });
    expect(await job.handle.query(jobState)).toMatchObject({ step: 'wait' });
    provider.finish();
    const twice = [1, 2].map(() => job.handle.signal(providerCallback, { attempt: 1 }));
    await Promise.all(twice);
    expect(await job.handle.result()).toEqual({ state: 'succeeded' });
    expect(job.calls.filter((name) => name === 'submitGeneration')).toHaveLength(1);
  });

  it('of the attempt that was left does not wake the one that followed', async () => {
    const provider = aProvider();
    const job = await world.start(
      aPlan({ timing: { firstLookMs: AN_HOUR_MS / 2, stallMs: AN_HOUR_MS, deadlineMs: AN_HOUR_MS } }),
      {
        ...provider,
        submitGeneration: async ({ route }) =>
          route.account === 'first'
            ? { kind: 'refused', errorClass: 'BALANCE' }
            : { kind: 'accepted', task: { account: 'second', upstreamModel: 'model-2', id: 'task-2' } },
      },
    );
    await untilStep(job, 'wait');
    await job.handle.signal(providerCallback, { attempt: 1 });
    expect(await job.handle.query(jobState)).toMatchObject({ step: 'wait', attempt: 2, provider: 'second' });
    provider.finish();
    await job.handle.signal(providerCallback, { attempt: 2 });
    expect(await job.handle.result()).toEqual({ state: 'succeeded' });
  });

  it('does not lengthen the life of a task that has stalled', async () => {
    const provider = aProvider();
    const job = await world.start(patient({ stallMs: 1_500 }), {
      pollTask: async (input) => {
        await provider.pollTask(input).catch(() => {});
        throw notReady('running', 200);
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => ({ kind: 'pending' }),
    });
    await until(() => provider.looks() >= 1);
    const startedAtMs = Date.now();
    while ((await job.handle.query(jobState)).step === 'poll') {
      await job.handle.signal(providerCallback, { attempt: 1 });
      await until(() => true, 100);
    }
    expect(Date.now() - startedAtMs).toBeLessThan(20_000);
    expect(await job.handle.result()).toMatchObject({ state: 'failed' });
  });

  it('does not keep a cancelled job from stopping', async () => {
    const provider = aProvider();
    const job = await world.start(patient(), {
      ...provider,
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => ({ kind: 'pending' }),
    });
    await until(() => provider.looks() === 1);
    await Promise.all([job.handle.cancel(), job.handle.signal(providerCallback, { attempt: 1 })]);
    expect(await job.handle.result()).toEqual({ state: 'canceled' });
  });

  it('that comes while a look is on its way is answered by that look, or by another', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let looks = 0;
    const job = await world.start(patient(), {
      pollTask: async () => {
        looks += 1;
        if (looks > 1) return { kind: 'succeeded' };
        await answered;
        throw notReady('running', AN_HOUR_MS / 2);
      },
    });
    await until(() => looks === 1);
    await job.handle.signal(providerCallback, { attempt: 1 });
    answer();
    expect(await job.handle.result()).toEqual({ state: 'succeeded' });
    expect(looks).toBe(2);
  });
});

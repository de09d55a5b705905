import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { aRequest, type JobAnswer } from '../support/caller.js';
import { until } from '../support/until.js';
import { startUpgradeWorld } from '../support/upgrade-world.js';

jest.setTimeout(90_000);

type World = Awaited<ReturnType<typeof startUpgradeWorld>>;

/** Two builds of the worker as processes, one after the other and side by side, and jobs that are under way meanwhile. */
describe('a new build of the worker', () => {
  let world: World;
  afterEach(() => world.close());

  const startWorld = async (versioning: string) => {
    world = await startUpgradeWorld({ environment: { WORKER_VERSIONING: versioning } });
  };

  /** A job that its provider does not finish before `letGo`. */
  async function aJobUnderWay(): Promise<{ job: JobAnswer; prompt: string }> {
    const prompt = `a paper boat ${randomUUID()}`;
    await world.holdAtProvider(prompt);
    const job = await world.caller.create(aRequest({ prompt }));
    await world.untilLookedAt(job, prompt);
    return { job, prompt };
  }

  const letGo = () => world.sandbox.clear();

  /** Succeeded, with one submission, and no step that had to be done again. */
  async function expectEndedBy(build: 'first' | 'second', { job, prompt }: { job: JobAnswer; prompt: string }) {
    expect(await world.caller.untilEnded(job.id)).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect(await world.sandbox.counts({ promptIncludes: prompt })).toMatchObject({ submissions: 1 });
    expect(await until(async () => (await world.historyOf(job.id)).build)).toBe(build);
    expect(await world.historyOf(job.id)).toMatchObject({ failed: [] });
  }

  async function stop(worker: Awaited<ReturnType<World['startWorker']>>): Promise<void> {
    worker.child.kill('SIGTERM');
    expect({ code: await worker.ended, output: worker.output() }).toMatchObject({ code: 0 });
  }

  const statusOf = async (buildId: string) => {
    const releases: { buildId: string; status: string; open: number }[] = await world.release('list');
    return releases.find((release) => release.buildId === buildId);
  };

  it('without versioning: takes over a job when the old one is gone', async () => {
    await startWorld('off');
    const first = await world.startWorker('first');
    const running = await aJobUnderWay();
    await world.startWorker('second');
    await stop(first);
    await letGo();
    await expectEndedBy('second', running);
    expect(await world.release('list')).toEqual([]);
  });

  it('carries a job through versioning being switched on, and off again', async () => {
    await startWorld('auto_upgrade');
    const before = await world.startWorker('first', { WORKER_VERSIONING: 'off' });
    const running = await aJobUnderWay();
    const versioned = await world.startWorker('second');
    await until(() => world.release('current', 'second'));
    await stop(before);
    const meanwhile = await aJobUnderWay();
    expect(await statusOf('second')).toMatchObject({ status: 'current' });

    await world.startWorker('first', { WORKER_VERSIONING: 'off' });
    await world.release('unset');
    await stop(versioned);
    await letGo();
    await expectEndedBy('first', running);
    await expectEndedBy('first', meanwhile);
  });

  it('with auto_upgrade: takes over a job as soon as it is current, beside the old one', async () => {
    await startWorld('auto_upgrade');
    const first = await world.startWorker('first');
    await until(() => world.release('current', 'first'));
    const running = await aJobUnderWay();
    await world.startWorker('second');
    await until(() => world.release('current', 'second'));
    await letGo();
    await expectEndedBy('second', running);
    await until(async () => (await statusOf('first'))?.status === 'drained');
    await stop(first);
  });

  it('with pinned: takes new jobs, and leaves a running one to the old build until that is drained', async () => {
    await startWorld('pinned');
    const first = await world.startWorker('first');
    await until(() => world.release('current', 'first'));
    const running = await aJobUnderWay();
    const second = await world.startWorker('second');
    await until(() => world.release('current', 'second'));
    const later = await aJobUnderWay();
    // What is counted comes a moment later than what is.
    await until(async () => (await statusOf('first'))?.open === 1);
    expect(await statusOf('first')).toMatchObject({ status: 'draining', open: 1 });
    expect(await statusOf('second')).toMatchObject({ status: 'current' });

    await letGo();
    await expectEndedBy('first', running);
    await expectEndedBy('second', later);
    expect((await world.historyOf(running.job.id)).pids).toEqual(new Set([first.child.pid]));
    expect((await world.historyOf(later.job.id)).pids).toEqual(new Set([second.child.pid]));
    await until(async () => (await statusOf('first'))?.status === 'drained');
    await stop(first);
  });

  it('with pinned and the old build gone too early: a job stays where it is until it is unpinned', async () => {
    await startWorld('pinned');
    const first = await world.startWorker('first');
    await until(() => world.release('current', 'first'));
    const running = await aJobUnderWay();
    await world.startWorker('second');
    await until(() => world.release('current', 'second'));
    await stop(first);
    await letGo();
    // Another job comes and ends meanwhile, so this one would have, too.
    const prompt = `a paper boat ${randomUUID()}`;
    await world.caller.untilEnded((await world.caller.create(aRequest({ prompt }))).id);
    expect(await world.caller.job(running.job.id)).toMatchObject({ status: 'running', phase: 'polling' });

    expect(await world.release('unpin', 'first')).toMatchObject({ left: 'first', moved: 1 });
    await expectEndedBy('second', running);
  });
});

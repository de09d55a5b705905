import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { startCable } from '../support/cable.js';
import { aRequest } from '../support/caller.js';
import { until } from '../support/until.js';
import { startUpgradeWorld } from '../support/upgrade-world.js';
import type { WorkerProcess } from '../support/worker-builds.js';

jest.setTimeout(90_000);

type World = Awaited<ReturnType<typeof startUpgradeWorld>>;
type Cable = Awaited<ReturnType<typeof startCable>>;

/** By these a worker waits at most 16 s for what it has under way. */
const quick = { SUBMIT_TIMEOUT_MS: '1000', WORKER_GRACE_MS: '500' };
const LONGEST_MS = 26_000;
/** With nothing under way it only waits for its parts to close. */
const IDLE_MS = 20_000;

/** SIGTERM while something is under way, or while a part of the service is away. */
describe('a worker that is told to stop', () => {
  let world: World;
  let cable: Cable;
  afterEach(async () => {
    await world.close();
    await cable.close();
  });

  const marked = () => `a paper boat ${randomUUID()}`;
  const addressOf = (url: string) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });
  const stopOf = async (worker: WorkerProcess) => {
    const startedAtMs = Date.now();
    worker.child.kill('SIGTERM');
    const code = await worker.ended;
    return { code, tookMs: Date.now() - startedAtMs };
  };

  it('waits for the answer to a submit, writes it down, and leaves the rest to the next worker', async () => {
    world = await startUpgradeWorld({ environment: { WORKER_GRACE_MS: '500' } });
    cable = await startCable(addressOf(world.sandboxUrl));
    const worker = await world.startWorker('first', { PROVIDER_URL: `http://127.0.0.1:${cable.port}` });
    const prompt = marked();
    cable.holdAnswers();
    const job = await world.caller.create(aRequest({ prompt }));
    await until(async () => (await world.sandbox.counts({ promptIncludes: prompt })).accepted === 1);

    worker.child.kill('SIGTERM');
    await until(() => worker.output().includes('"stopping"'));
    expect(await world.caller.attempts(job.id)).toMatchObject([{ state: 'intended' }]);
    // The provider takes longer than the grace time, which is for work that can be done again.
    await pause(1_000);
    expect(worker.isRunning()).toBe(true);
    cable.letGo();
    expect(await worker.ended).toBe(0);
    expect(await world.caller.attempts(job.id)).toMatchObject([{ state: 'accepted' }]);

    await world.startWorker('first');
    expect(await world.caller.untilEnded(job.id)).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect(await world.sandbox.counts({ promptIncludes: prompt })).toMatchObject({ submissions: 1 });
    expect(await world.historyOf(job.id)).toMatchObject({ failed: [] });
  });

  it('gives a download back after its grace time, and the next worker fetches it', async () => {
    world = await startUpgradeWorld({ environment: quick });
    cable = await startCable(addressOf(world.sandboxUrl));
    const worker = await world.startWorker('first');
    const prompt = marked();
    await world.sandbox.script({ call: 'download', fault: 'slow', promptIncludes: prompt, bytesPerSecond: 1_000 });
    const job = await world.caller.create(aRequest({ prompt }));
    await until(async () => (await world.sandbox.counts({ promptIncludes: prompt })).downloads === 1);

    const next = await world.startWorker('second');
    expect(await stopOf(worker)).toMatchObject({ code: 0 });
    expect(await world.caller.untilEnded(job.id)).toMatchObject({ status: 'succeeded', attempts: 1 });
    const { failed, pids, retried } = await world.historyOf(job.id);
    expect(failed).toEqual([]);
    expect(retried).toMatchObject([{ applicationFailureInfo: { type: 'WorkerShutdown' } }]);
    expect(pids).toContain(next.child.pid);
  });

  it('ends when Temporal is away', async () => {
    world = await startUpgradeWorld();
    cable = await startCable(addressOf(`http://${world.temporal.address}`));
    const worker = await world.startWorker('first', { ...quick, TEMPORAL_ADDRESS: `127.0.0.1:${cable.port}` });
    const prompt = marked();
    await world.holdAtProvider(prompt);
    await world.untilLookedAt(await world.caller.create(aRequest({ prompt })), prompt);

    cable.cut();
    expect((await stopOf(worker)).tookMs).toBeLessThan(LONGEST_MS);
  });

  it('ends when Postgres does not answer', async () => {
    world = await startUpgradeWorld();
    cable = await startCable(addressOf(world.api.databaseUrl));
    const url = new URL(world.api.databaseUrl);
    url.port = String(cable.port);
    const worker = await world.startWorker('first', { ...quick, DATABASE_URL: url.href });

    cable.holdAnswers();
    await until(() => cable.isHolding());
    expect((await stopOf(worker)).tookMs).toBeLessThan(IDLE_MS);
  });
});

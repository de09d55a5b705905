import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Stack, startStack } from '../../bench/support/stack.js';
import type { VideoFacts } from '../../contract/artifact.js';
import { createMediaProcess } from '../../media/process.js';
import { createDatabase, type Database } from '../../store/database.js';
import { checkLedger } from '../../store/ledger-check.js';
import { createCaller } from '../support/caller.js';
import { createFilmCaller, type Film, stepOf } from '../support/film.js';
import { sandboxControl } from '../support/sandbox.js';

const MOST_FILMS = 4;
const KILLS_TIMEOUT_MS = 400_000;

/** Whole chains on the whole stack, by HTTP only, with the worker killed under every kind of step. */
describe('a pipeline', () => {
  let stack: Stack;
  let database: Database;
  let caller: ReturnType<typeof createFilmCaller>;
  let sandbox: ReturnType<typeof sandboxControl>;
  const media = createMediaProcess();
  beforeAll(async () => {
    stack = await startStack({
      SANDBOX_SPEED: '20',
      SANDBOX_SHARED_CLIPS: 'true',
      SUBMIT_TIMEOUT_MS: '3000',
      RECONCILE_BLIND_GRACE_MS: '1000',
      BREAKER_OPEN_MS: '0',
    });
    database = createDatabase(stack.databaseUrl);
    caller = createFilmCaller(createCaller(stack));
    sandbox = sandboxControl(stack.sandboxUrl);
  }, 120_000);
  afterAll(async () => {
    await media.close();
    await database.close();
    await stack.stop();
  }, 60_000);

  const job = (name: string, kind: string, more: object = {}) => ({
    name,
    kind,
    model: 'sora',
    prompt: `${name} ${randomUUID()}`,
    wait_seconds: 0,
    poll_interval_seconds: 1,
    ...more,
  });
  const shot = (more: object = {}) => job('shot', 'text_to_video', { seconds: 2, size: '1280x720', ...more });
  const film = () => ({
    steps: [
      shot(),
      job('longer', 'extend', { source: 'shot', seconds: 1 }),
      job('painted', 'remix', { source: 'longer' }),
      { name: 'still', kind: 'frame', source: 'painted', at: 'last' },
      job('next', 'image_to_video', { source: 'still', seconds: 2 }),
      { name: 'agreed', kind: 'approval', source: 'next', deadline_seconds: 120 },
      { name: 'film', kind: 'concat', sources: ['painted', 'agreed'] },
    ],
  });

  async function factsOf(url: string): Promise<VideoFacts> {
    const folder = await mkdtemp(join(tmpdir(), 'reelay-film-'));
    try {
      const file = join(folder, 'film.mp4');
      await writeFile(file, Buffer.from(await (await fetch(url)).arrayBuffer()));
      return await media.probeVideo(file);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** Every job step was delivered by one job, charged once, with one file, and the money is right. */
  async function expectOnceEach({ id, steps }: Film): Promise<void> {
    const rows = await database.queries
      .selectFrom('jobs')
      .leftJoin('artifacts', (join) =>
        join.onRef('artifacts.job_id', '=', 'jobs.id').on('artifacts.role', '=', 'video'),
      )
      .select(['jobs.pipeline_step as step', 'jobs.captured_micros as captured', 'artifacts.id as file'])
      .where('jobs.pipeline_id', '=', id)
      .where('jobs.state', '=', 'succeeded')
      .execute();
    const wanted = steps.filter((step) => step.job !== null).map(({ name }) => name);
    expect(rows.map(({ step }) => step).toSorted(byName)).toEqual(wanted.toSorted(byName));
    for (const { captured, file } of rows) {
      expect(captured).toBeGreaterThan(0);
      expect(file).toMatch(/^art_/);
    }
    expect(await checkLedger(database)).toEqual([]);
  }

  it('goes from a text to a film as long as its parts', async () => {
    const { id, cost } = await caller.create(film());
    expect(cost).toMatchObject({ quoted: '0.800000', reserved: '0.800000' });
    await caller.until(id, (now) => stepOf(now, 'agreed').status === 'waiting_approval');
    await caller.approve(id, 'agreed');
    const ended = await caller.untilEnded(id);
    expect([ended.status, ended.error]).toEqual(['succeeded', null]);
    await expectOnceEach(ended);
    expect(ended.cost).toMatchObject({ reserved: '0.000000', held: '0.000000' });

    const [painted, next, whole] = ['painted', 'next', 'film'].map((name) => stepOf(ended, name).data[0]);
    const facts = await factsOf(whole?.url ?? '');
    expect(facts).toMatchObject({ width: 1280, height: 720 });
    const parts = (painted?.duration_seconds ?? 0) + (next?.duration_seconds ?? 0);
    expect(Math.abs(facts.durationSeconds - parts)).toBeLessThan(0.1);
    expect(Math.abs(parts - 5)).toBeLessThan(0.2);
    const still = await fetch(stepOf(ended, 'still').data[0]?.url ?? '');
    expect([still.status, still.headers.get('content-type')]).toEqual([200, 'image/png']);
  }, 120_000);

  /** Carries a film through, with the worker killed in the middle of each step in which it was not killed before. */
  async function untilEndedAcrossKills(killed: Set<string>): Promise<Film> {
    const killOnce = ({ steps }: Film) => {
      const step = steps.find((one) => isInTheMiddle(one) && !killed.has(one.name));
      if (!step) return;
      killed.add(step.name);
      process.kill(stack.pidOf('worker'), 'SIGKILL');
    };
    const { id } = await caller.create(film());
    const waiting = await caller.until(id, (now) => {
      killOnce(now);
      return stepOf(now, 'agreed').status === 'waiting_approval';
    });
    expect(waiting.status).toBe('running');
    await caller.approve(id, 'agreed');
    return caller.until(id, (now) => {
      killOnce(now);
      return now.status !== 'running';
    });
  }

  it(
    'outlives the death of the worker in every one of its steps',
    async () => {
      const names = film().steps.map(({ name }) => name);
      const killed = new Set<string>();
      // A still is soon taken: a step that was not seen at work is met in another film.
      for (let films = 0; films < MOST_FILMS && killed.size < names.length; films += 1) {
        const whole = await untilEndedAcrossKills(killed);
        expect([whole.status, whole.error]).toEqual(['succeeded', null]);
        await expectOnceEach(whole);
      }
      expect([...killed].toSorted(byName)).toEqual(names.toSorted(byName));
    },
    KILLS_TIMEOUT_MS,
  );

  it('delivers thirty steps once each although every fifth generation fails', async () => {
    // As soon as it is asked: what takes time here is the failing.
    await sandbox.speed(0);
    const mark = randomUUID();
    const failing = { promptIncludes: mark, share: 0.1, times: null };
    // One submit follows the other, so that these seeds bring some of each, and not as many as nobody has the patience for.
    await sandbox.script({ call: 'submit', fault: 'fail_after_accept', ...failing, seed: 21 });
    await sandbox.script({ call: 'submit', fault: 'server_error', ...failing, seed: 22 });
    const steps = Array.from({ length: 30 }, (_, index) => ({
      ...(index === 0
        ? shot({ seconds: 1 })
        : job(`step-${index}`, 'remix', { source: index === 1 ? 'shot' : `step-${index - 1}` })),
      prompt: `${mark} ${index}`,
    }));
    const { id } = await caller.create({ steps });
    let ended = await caller.untilEnded(id);
    // A step that has used all its tries is run again: what is finished is kept.
    for (let run = 1; run < 8 && ended.status === 'failed'; run += 1) {
      await caller.retry(id);
      ended = await caller.untilEnded(id);
    }
    expect([ended.status, ended.error]).toEqual(['succeeded', null]);
    await expectOnceEach(ended);
    const refused = (await sandbox.ledger({ promptIncludes: mark })).filter(
      ({ call, outcome }) => call === 'submit' && outcome !== 'accepted',
    );
    expect(refused.length).toBeGreaterThan(0);
  }, 400_000);

  it('stops when it is cancelled, and charges for what has come only', async () => {
    const slow = randomUUID();
    await sandbox.script({ call: 'submit', fault: 'stall', promptIncludes: slow, times: null });
    const { id } = await caller.create({
      steps: [shot(), job('slow', 'text_to_video', { seconds: 1, prompt: slow, after: ['shot'] })],
    });
    await caller.until(id, (now) => stepOf(now, 'slow').job?.phase === 'polling');
    await caller.cancel(id);
    const ended = await caller.untilEnded(id);
    expect(ended).toMatchObject({ status: 'canceled', cost: { captured: '0.200000', reserved: '0.000000' } });
    expect(ended.steps.map(({ status }) => status)).toEqual(['succeeded', 'canceled']);
    await expectOnceEach({ ...ended, steps: ended.steps.slice(0, 1) });
  }, 60_000);
});

/** A job's task is known to be taken: where a worker dies before that, a provider that cannot be asked leaves it unknown, which ends the step. */
function isInTheMiddle({ status, job }: Film['steps'][number]): boolean {
  return isAtWork(status) && (job === null || ['waiting', 'polling', 'downloading'].includes(job.phase ?? ''));
}

function isAtWork(status: string): boolean {
  return status === 'running' || status === 'waiting_approval';
}

function byName(left: string | null, right: string | null): number {
  return String(left).localeCompare(String(right));
}

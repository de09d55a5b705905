import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { allCells } from '../../faults/cells/all.js';
import { checksOf } from '../../faults/invariants/check.js';
import type { Violation } from '../../faults/invariants/violation.js';
import { type RunReport, runEpisodes } from '../../faults/run.js';
import { warmUp } from '../../faults/warm-up.js';
import { startWorld, type World } from '../../faults/world.js';
import { findProjectRoot } from '../../runtime/root.js';
import { aRequest, createCaller } from '../support/caller.js';
import { until } from '../support/until.js';

const run = promisify(execFile);
const keySchema = z.object({ secret: z.string() });

const SEED = 20_260_924;
/** Twice the time that a download may take in this world. */
const FILES_GRACE_MS = 20_000;
const TOGETHER = 16;

/**
 * One of each kind of fault: all that a provider or a receiver of webhooks can do, every policy, a cancel at every point, every point of a
 * death, and of the rest what is quick and needs no rights. `npm run faults` has them all, as often as is wished.
 */
const chosen = [
  /^(provider|vendor|policy|list|cancel|webhook)\//,
  /^callback\/(apixo|pixazo|openai|the same one)/,
  /^crash\/(every point|settling)\//,
  /^crash\/(S5\/temporal|S9\/postgres|S9\/throws)$/,
  /^network\/providers (refused\/polling|cut after the request\/submit)$/,
  /^temporal\/(workflow terminated by hand|file lost while the rest goes on)$/,
];
const cells = allCells.filter(({ name }) => chosen.some((pattern) => pattern.test(name)));

describe('the whole service, broken on purpose', () => {
  let world: World;
  let report: RunReport;
  let whole: Promise<Violation[]>;
  beforeAll(async () => {
    world = await startWorld();
    await warmUp(world);
    const checks = checksOf(world, { filesGraceMs: FILES_GRACE_MS });
    report = await runEpisodes({
      world,
      cells,
      seed: SEED,
      episodes: cells.length,
      together: TOGETHER,
      checks: {
        ...checks,
        async ofWhole(jobId) {
          // It waits until what is left behind has become old, and other tests need not wait for that.
          whole = checks.ofWhole(jobId);
          whole.catch(() => {});
          return [];
        },
      },
      say: () => {},
    });
  }, 480_000);
  afterAll(() => world.close(), 60_000);

  it('has cells of every kind that it promises', () => {
    const kinds = new Set(cells.map(({ name }) => name.split('/')[0]));
    const wanted = [
      'provider',
      'vendor',
      'policy',
      'cancel',
      'list',
      'callback',
      'webhook',
      'crash',
      'network',
      'temporal',
    ];
    expect(kinds).toEqual(new Set(wanted));
    expect(chosen.filter((pattern) => !cells.some(({ name }) => pattern.test(name)))).toEqual([]);
  });

  it.each(cells.map(({ name }) => name))('%s', (name) => {
    const { episodes, fired, violations } = report.cells.find(({ cell }) => cell === name) ?? {};
    expect({ episodes, fired, violations }).toEqual({ episodes: 1, fired: 1, violations: [] });
  });

  it('shows a lost answer as running and reconciling, the hold kept, and then says that nobody knows', async () => {
    const caller = createCaller(world.stack());
    const prompt = world.promptOf('lost for good');
    await world.sandbox.script({ call: 'submit', fault: 'accept_then_drop', promptIncludes: prompt });
    const { id } = await caller.create(aRequest({ prompt }));
    const reconciling = await caller.untilJob(id, ({ phase }) => phase === 'reconciling');
    expect(reconciling).toMatchObject({ status: 'running', cost: { held: '0.100000', captured: null } });
    const ended = await caller.untilEnded(id);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'submission_unknown' }, data: [] });
    expect(ended.cost).toMatchObject({ held: '0.000000', captured: '0.000000' });
    expect(await caller.attempts(id)).toMatchObject([{ state: 'unknown', charged: 'possibly' }]);
  }, 60_000);

  it('takes the word of an operator, given on the command line, for a lost answer', async () => {
    const workspace = 'that waits for a word';
    await admin('workspace', 'create', workspace);
    await admin('workspace', 'set', workspace, '--unknown-policy', 'hold');
    await admin('topup', workspace, '1');
    const { secret } = keySchema.parse(JSON.parse(await admin('key', 'create', workspace)));
    const caller = createCaller({ apiUrl: world.stack().apiUrl, apiKey: secret });
    const prompt = world.promptOf('found by hand');
    await world.sandbox.script({ call: 'submit', fault: 'accept_then_drop', promptIncludes: prompt });
    const { id } = await caller.create(aRequest({ prompt }));
    await until(async () => (await admin('job', 'list', '--unknown')).includes(id));
    const [submit] = await world.sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
    await admin('job', 'resolve', id, '--accepted', submit?.taskId ?? '');
    expect(await caller.untilEnded(id)).toMatchObject({ status: 'succeeded', attempts: 1 });
  }, 120_000);

  it('holds as a whole: ledger, files, logs and histories', async () => {
    expect(await whole).toEqual([]);
  }, 120_000);

  it('accepts jobs while Temporal is away, and finishes them', async () => {
    process.kill(world.stack().pidOf('temporal'), 'SIGKILL');
    const job = await world.caller.create({ prompt: world.promptOf('away'), idempotencyKey: 'key of away' });
    expect(await world.caller.ended(job.id, 60_000)).toMatchObject({ status: 'succeeded' });
  }, 90_000);

  it('answers 503 with a time to come back while Postgres is away', async () => {
    process.kill(world.stack().pidOf('postgres'), 'SIGKILL');
    const response = await until(async () => {
      const answer = await world.caller.send('GET', '/api/v1/videos/jobs?limit=1');
      return answer.status === 200 ? false : answer;
    }, 1);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  }, 60_000);

  /** What `npm run admin` prints for a script. */
  async function admin(...words: string[]): Promise<string> {
    const main = join(findProjectRoot(), 'dist', 'cli', 'main.js');
    const env = { ...process.env, NODE_OPTIONS: '', REELAY_HOME: world.stack().home };
    return (await run(process.execPath, [main, '--json', ...words], { env })).stdout;
  }
});

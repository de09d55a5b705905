import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allCells } from '../../faults/cells/all.js';
import { checksOf } from '../../faults/invariants/check.js';
import { type RunReport, runEpisodes } from '../../faults/run.js';
import { warmUp } from '../../faults/warm-up.js';
import { startWorld, type World } from '../../faults/world.js';
import { until } from '../support/until.js';

const SEED = 20_260_924;
/** Twice the time that a download may take in this world. */
const FILES_GRACE_MS = 20_000;
const TOGETHER = 10;

/**
 * One of each kind of fault: all that a provider or a receiver of webhooks can do, every policy, a cancel at every point, every point of a
 * death, and of the rest, pipelines among them, what is quick and needs no rights. `npm run faults` has them all, as often as is wished.
 */
const chosen = [
  /^(provider|vendor|policy|list|cancel|webhook)\//,
  /^callback\/(apixo|pixazo|openai|the same one)/,
  /^crash\/(every point|settling)\//,
  /^crash\/(S5\/temporal|S9\/postgres|S9\/throws)$/,
  /^network\/providers cut after the request\/submit$/,
  /^pipeline\/(cancelled|retried|a decision|worker killed while a file)/,
  /^temporal\/(workflow terminated by hand|file lost while the rest goes on)$/,
];
const cells = allCells.filter(({ name }) => chosen.some((pattern) => pattern.test(name)));

describe('the whole service, broken on purpose', () => {
  let world: World;
  let report: RunReport;
  beforeAll(async () => {
    world = await startWorld();
    await warmUp(world);
    report = await runEpisodes({
      world,
      cells,
      seed: SEED,
      episodes: cells.length,
      together: TOGETHER,
      checks: checksOf(world, { filesGraceMs: FILES_GRACE_MS }),
      say: () => {},
    });
  }, 900_000);
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
      'pipeline',
      'temporal',
    ];
    expect(kinds).toEqual(new Set(wanted));
    expect(chosen.filter((pattern) => !cells.some(({ name }) => pattern.test(name)))).toEqual([]);
  });

  it.each(cells.map(({ name }) => name))('%s', (name) => {
    const { episodes, fired, violations } = report.cells.find(({ cell }) => cell === name) ?? {};
    expect({ episodes, fired, violations }).toEqual({ episodes: 1, fired: 1, violations: [] });
  });

  it('holds as a whole: ledger, files, logs and histories', () => {
    expect(report.violations).toEqual([]);
  });

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
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../store/database.js';
import { createProviderHealth, type HealthOutcome, type HealthReport } from '../../store/provider-health.js';
import { breakerSettings } from '../support/breakers.js';
import { cloneDatabase } from '../support/database.js';
import { until } from '../support/until.js';

const place = { account: 'first', upstreamModel: 'model-1' };
const otherModel = { account: 'first', upstreamModel: 'model-2' };
const otherAccount = { account: 'second', upstreamModel: 'model-1' };

describe('the health of providers', () => {
  let clone: Awaited<ReturnType<typeof cloneDatabase>>;
  let database: Database;
  let otherPool: Database;
  beforeAll(async () => {
    clone = await cloneDatabase();
    database = createDatabase(clone.url);
    otherPool = createDatabase(clone.url);
  });
  afterAll(async () => {
    await Promise.all([database.close(), otherPool.close()]);
    await clone.drop();
  });
  beforeEach(async () => {
    await database.queries.deleteFrom('provider_health').execute();
  });

  /** What one process knows; a new one has read nothing yet. */
  const aProcess = (settings = {}, on = database) => createProviderHealth(on, { ...breakerSettings, ...settings });
  const aSubmit = (outcome: HealthOutcome, changes: Partial<HealthReport> = {}) =>
    aProcess().report({ ...place, stage: 'submission', outcome, ...changes });
  const aTask = (outcome: HealthOutcome) => aSubmit(outcome, { stage: 'generation' });
  const several = async (times: number, report: () => Promise<unknown>) => {
    for (let time = 0; time < times; time += 1) await report();
  };
  const timePasses = () =>
    sql`update provider_health set window_started_at = window_started_at - interval '1 hour',
      open_until = open_until - interval '1 hour'`.execute(database.queries);
  const failures = async () => (await aProcess().list()).map((row) => row.failures);

  it('opens the breaker of an account at the last of so many failures, whatever they are', async () => {
    expect(await aSubmit('OVERLOADED')).toBe('none');
    expect(await aSubmit('NETWORK')).toBe('none');
    expect(await aProcess().isOpen(place)).toBe(false);
    expect(await aSubmit('OUTCOME_UNKNOWN')).toBe('opened');
    expect(await aProcess().isOpen(place)).toBe(true);
    expect(await aProcess().isOpen(otherModel)).toBe(true);
    expect(await aProcess().isOpen(otherAccount)).toBe(false);
  });

  it('counts each of fifty failures that two pools report at once, and opens once', async () => {
    const settings = { BREAKER_FAILURES: 50 };
    const processes = [aProcess(settings), aProcess(settings, otherPool)];
    const changes = await Promise.all(
      Array.from({ length: 25 }).flatMap(() =>
        processes.map((process) => process.report({ ...place, stage: 'submission', outcome: 'PROVIDER_INTERNAL' })),
      ),
    );
    expect(await failures()).toEqual([50]);
    expect(changes.filter((change) => change === 'opened')).toHaveLength(1);
  });

  it('does not add up failures that lie far apart', async () => {
    await several(2, () => aSubmit('NETWORK'));
    await timePasses();
    await several(2, () => aSubmit('NETWORK'));
    expect(await failures()).toEqual([2]);
    expect(await aProcess().isOpen(place)).toBe(false);
  });

  it.each(['done', 'INPUT_INVALID', 'CONTENT_REFUSED'] as const)('forgets failures at %s', async (outcome) => {
    await several(2, () => aSubmit('OVERLOADED'));
    await aSubmit(outcome);
    expect(await aProcess().list()).toEqual([]);
  });

  it.each(['RATE_LIMITED', 'CONCURRENCY', 'NOT_FOUND', 'RESULT_MISSING'] as const)(
    'does not mind %s',
    async (outcome) => {
      await several(3, () => aSubmit(outcome));
      expect(await aProcess().list()).toEqual([]);
      await aSubmit('NETWORK');
      await aSubmit(outcome);
      expect(await failures()).toEqual([1]);
    },
  );

  it.each(['AUTH', 'BALANCE'] as const)('opens at the first %s, and says why', async (outcome) => {
    expect(await aSubmit(outcome)).toBe('opened');
    expect(await aSubmit(outcome)).toBe('none');
    expect(await aProcess().isOpen(otherModel)).toBe(true);
    expect(await aProcess().list()).toMatchObject([
      { account: 'first', upstreamModel: null, state: 'open', reason: `submission: ${outcome}` },
    ]);
  });

  it('opens for a model that is gone, and not for the others of its account', async () => {
    expect(await aSubmit('MODEL_RETIRED')).toBe('opened');
    expect(await aProcess().isOpen(place)).toBe(true);
    expect(await aProcess().isOpen(otherModel)).toBe(false);
    expect(await aProcess().list()).toMatchObject([{ upstreamModel: 'model-1', state: 'open' }]);
  });

  it('is not opened longer, and not closed, by what was sent before it opened', async () => {
    await aSubmit('AUTH');
    const before = await aProcess().list();
    await several(5, () => aSubmit('OVERLOADED'));
    await aSubmit('done');
    expect(await aProcess().list()).toEqual(before);
  });

  it('lets one of many try when its time is over', async () => {
    await aSubmit('AUTH');
    expect(await aProcess().admit(place)).toBe('open');
    await timePasses();
    expect(await aProcess().isOpen(place)).toBe(false);
    const all = [database, otherPool].flatMap((on) => Array.from({ length: 10 }, () => aProcess({}, on)));
    const admissions = await Promise.all(all.map((process) => process.admit(place)));
    expect(admissions.filter((admission) => admission === 'trial')).toHaveLength(1);
    expect(admissions.filter((admission) => admission === 'open')).toHaveLength(19);
  });

  it('lets another try when nothing came of the first trial', async () => {
    await aSubmit('AUTH');
    await timePasses();
    expect(await aProcess().admit(place)).toBe('trial');
    await timePasses();
    expect(await aProcess().admit(place)).toBe('trial');
  });

  it('closes when the trial goes well', async () => {
    await aSubmit('MODEL_RETIRED');
    await aSubmit('BALANCE');
    await timePasses();
    expect(await aProcess().admit(place)).toBe('trial');
    expect(await aSubmit('done', { isTrial: true })).toBe('closed');
    expect(await aProcess().admit(place)).toBe('closed');
    expect(await aProcess().list()).toEqual([]);
  });

  it('opens again at one failure of the trial', async () => {
    await several(3, () => aSubmit('OVERLOADED'));
    await timePasses();
    expect(await aProcess().admit(place)).toBe('trial');
    expect(await aSubmit('NETWORK', { isTrial: true })).toBe('opened');
    expect(await aProcess().list()).toMatchObject([{ state: 'open', reason: 'submission: NETWORK' }]);
  });

  it('keeps the longer time and its reason when a job that had nowhere else to go fails there', async () => {
    const settings = { BREAKER_OPEN_MS: 1_000 };
    await aSubmit('BALANCE');
    const before = await aProcess().list();
    await aProcess(settings).report({ ...place, stage: 'submission', outcome: 'OVERLOADED', isTrial: true });
    expect(await aProcess().list()).toEqual(before.map((row) => ({ ...row, failures: 2 })));
  });

  it('does not take an accepted submit for a finished task: an account that takes all and finishes nothing is left alone', async () => {
    await several(2, async () => {
      await aTask('stalled');
      await aSubmit('done');
    });
    expect(await aTask('PROVIDER_INTERNAL')).toBe('opened');
    await timePasses();
    expect(await aProcess().admit(place)).toBe('trial');
    expect(await aSubmit('done', { isTrial: true })).toBe('none');
    await timePasses();
    expect(await aTask('done')).toBe('closed');
  });

  it('does not take a finished task for a paid bill', async () => {
    await aSubmit('BALANCE');
    await timePasses();
    await aTask('done');
    await aTask('stalled');
    expect(await aProcess().list()).toMatchObject([{ state: 'half-open', reason: 'submission: BALANCE' }]);
  });

  it('costs one small read and no write however many jobs do well', async () => {
    const ran: string[] = [];
    const counting: Database = {
      ...database,
      run: (statement, values) => {
        ran.push(statement.name);
        return database.run(statement, values);
      },
    };
    const process = aProcess({}, counting);
    await several(200, () => process.admit(place));
    await Promise.all(
      Array.from({ length: 200 }, () => process.report({ ...place, stage: 'submission', outcome: 'done' })),
    );
    expect(new Set(ran)).toEqual(new Set(['read_provider_health']));
    // A slow machine may need longer than a copy lives.
    expect(ran.length).toBeLessThan(10);
  });

  it('is known to every process before long', async () => {
    const idle = aProcess({}, otherPool);
    expect(await idle.isOpen(place)).toBe(false);
    await aSubmit('AUTH');
    await until(() => idle.isOpen(place));
    await idle.reset('first');
    expect(await aProcess().isOpen(place)).toBe(false);
  });

  it('is known at once to the process that reported it', async () => {
    const process = aProcess();
    expect(await process.admit(place)).toBe('closed');
    await process.report({ ...place, stage: 'submission', outcome: 'AUTH' });
    expect(await process.admit(place)).toBe('open');
  });

  it('leaves nobody alone where the times are set to nought', async () => {
    const never = { BREAKER_FAILURES: 1, BREAKER_OPEN_MS: 0, BREAKER_STOPPED_MS: 0, MODEL_RETIRED_MS: 0 };
    for (const outcome of ['NETWORK', 'AUTH', 'MODEL_RETIRED'] as const) {
      expect(await aProcess(never).report({ ...place, stage: 'submission', outcome })).toBe('none');
      const admissions = await Promise.all(Array.from({ length: 20 }, () => aProcess(never).admit(place)));
      expect(admissions).not.toContain('open');
    }
  });

  it('forgets an account with its models at a reset, and no other', async () => {
    await aSubmit('AUTH');
    await aSubmit('MODEL_RETIRED');
    await aSubmit('BALANCE', otherAccount);
    expect(await aProcess().reset('first')).toEqual({ rows: 2 });
    expect((await aProcess().list()).map(({ account }) => account)).toEqual(['second']);
    expect(await aProcess().reset('first')).toEqual({ rows: 0 });
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ProviderTask } from '../../contract/provider.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { checkLedger, ledgerRules } from '../../store/ledger-check.js';
import { createPipelineJobs } from '../../store/pipeline-jobs.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { createPipelines } from '../../store/pipelines.js';
import { createSettlement } from '../../store/settlement.js';
import { aNewJob } from '../support/jobs.js';
import { aNewPipeline } from '../support/pipelines.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const task: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };

/** What a person with a database console, or a bug, could do to the rows behind the ledger's back. */
type Ids = { ended: string; open: string; pipeline: string; stepJob: string };

const damages: Record<string, { statement: (ids: Ids) => string; rules: string[] }> = {
  'a balance was written': {
    statement: () => `update ledger_accounts set balance_micros = balance_micros + 1 where kind = 'available'`,
    rules: ['debits_equal_credits', 'balance_is_sum_of_transfers'],
  },
  'a transfer is gone': {
    statement: ({ ended }) => `delete from ledger_transfers where kind = 'capture' and job_id = '${ended}'`,
    rules: ['balance_is_sum_of_transfers', 'settled_when_ended', 'captured_as_settled'],
  },
  'money of a workspace was spent twice': {
    statement: () => `alter table ledger_accounts drop constraint ledger_accounts_not_overdrawn;
      select ledger_post('correction', ledger_account(workspace_id, 'available'), ledger_account(null, 'revenue'), 9000000)
      from ledger_accounts where kind = 'held'`,
    rules: ['no_negative_balance'],
  },
  'a job ended without giving back its hold': {
    statement: ({ open }) =>
      `update jobs set state = 'failed', error_code = 'internal', finished_at = now() where id = '${open}'`,
    rules: ['held_is_what_open_jobs_hold', 'settled_when_ended'],
  },
  'a hold was never taken': {
    statement: ({ open }) => `delete from ledger_transfers where kind = 'hold' and job_id = '${open}'`,
    rules: ['balance_is_sum_of_transfers', 'held_once'],
  },
  'a job says another charge than was taken': {
    statement: ({ ended }) => `update jobs set captured_micros = 1 where id = '${ended}'`,
    rules: ['job_says_what_was_captured'],
  },
  'a settlement does not add up': {
    statement: ({ ended }) => `update settlements set released_micros = 1 where job_id = '${ended}'`,
    rules: ['settlement_adds_up'],
  },
  'a failure was charged': {
    statement: ({ ended }) => `update jobs set state = 'failed', error_code = 'internal' where id = '${ended}'`,
    rules: ['nothing_charged_for_failures'],
  },
  'a cost was learnt and not booked': {
    statement: ({ ended }) => `delete from ledger_transfers where kind = 'provider_cost' and job_id = '${ended}'`,
    rules: ['balance_is_sum_of_transfers', 'provider_costs_are_booked'],
  },
  'a cost was booked that no attempt has': {
    statement: ({ ended }) => `update attempts set charged = 'no' where job_id = '${ended}'`,
    rules: ['provider_costs_are_booked'],
  },
  'a task that nobody owns was not booked': {
    statement: () => `insert into provider_orphans (account, task_id, upstream_model, resolution, cost_micros)
      values ('first', 'task-9', 'model-1', 'written_off', 5)`,
    rules: ['orphans_are_booked'],
  },
  'a pipeline promises more than was set aside for it': {
    statement: ({ pipeline }) => `update pipelines set reserved_micros = 9000000 where id = '${pipeline}'`,
    rules: ['reserved_once'],
  },
  'a job of a pipeline was held for twice': {
    statement: ({ pipeline }) => `select ledger_post('correction', ledger_source(workspace_id, pipeline_id),
      ledger_account(workspace_id, 'held'), 1000) from ledger_accounts where pipeline_id = '${pipeline}'`,
    rules: ['reserve_is_what_jobs_left', 'held_is_what_open_jobs_hold'],
  },
  'a pipeline ended and kept the rest': {
    statement: ({ pipeline }) => `update pipelines set state = 'failed', finished_at = now() where id = '${pipeline}'`,
    rules: ['nothing_reserved_at_the_end'],
  },
  'a job of a pipeline gave its rest to the workspace': {
    statement: ({ stepJob }) =>
      `update jobs set started_by = 'caller', pipeline_id = null, pipeline_step = null where id = '${stepJob}'`,
    rules: ['holds_keep_to_their_accounts'],
  },
};

describe('checkLedger', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeEach(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterEach(() => close());

  /** One job that was cancelled and charged, whose provider billed it, one that still runs, and one of a pipeline that waits for its second step. */
  async function aLedger(): Promise<Ids> {
    const owner = await aWorkspace(database, { credits: 6 });
    const jobs = createJobs(database);
    const attempts = createAttempts(database);
    const ids = [];
    for (let index = 0; index < 2; index += 1) {
      const { job } = await jobs.accept(aNewJob(owner));
      await attempts.intend({ jobId: job.id, attempt: 1, route: aRoute() });
      await attempts.recordSubmission({ jobId: job.id, attempt: 1, submission: { outcome: 'accepted', task } });
      ids.push(job.id);
    }
    const [ended = '', open = ''] = ids;
    const verdict = { status: 'succeeded', files: [] } as const;
    await attempts.recordVerdict({ jobId: ended, attempt: 1, task, verdict: { ...verdict, files: [] } });
    await database.queries.updateTable('workspaces').set({ cancel_charge: 'full' }).execute();
    await createSettlement(database).settle({ jobId: ended, state: 'canceled', providerCancel: 'too_late' });
    return { ended, open, ...(await aRunningPipeline(owner)) };
  }

  async function aRunningPipeline(owner: { workspaceId: string; apiKeyId: string }) {
    const pipeline = aNewPipeline(owner);
    const { id: pipelineId } = pipeline;
    await createPipelines(database).accept(pipeline);
    await createPipelineProgress(database).start({ pipelineId, run: 1 });
    const { openJobLimit: _, ...job } = aNewJob(owner);
    await createPipelineJobs(database).accept({ pipelineId, step: 'shot', run: 1, job });
    await createSettlement(database).settle({ jobId: job.id, state: 'canceled', providerCancel: null });
    return { pipeline: pipelineId, stepJob: job.id };
  }

  async function damage(statement: string): Promise<void> {
    // Each statement of its own, with the guards of the ledger off: whoever damages it does not ask.
    const statements = ['alter table ledger_transfers disable trigger all', ...statement.split(';')];
    for (const [index, text] of statements.entries()) await database.run({ name: `damage_${index}`, text }, []);
  }

  it('finds nothing where nothing is wrong, in an empty ledger and in one with open and ended jobs', async () => {
    expect(await checkLedger(database)).toEqual([]);
    await aLedger();
    expect(await checkLedger(database)).toEqual([]);
  });

  it.each(Object.entries(damages))('finds that %s', async (_, { statement, rules }) => {
    const ids = await aLedger();
    await damage(statement(ids));
    const violations = await checkLedger(database);
    expect([...new Set(violations.map(({ rule }) => rule))].toSorted()).toEqual(expect.arrayContaining(rules));
    for (const { jobId } of violations) expect([null, ids.ended, ids.open, ids.stepJob]).toContain(jobId);
  });

  it('has a damage in this test for every rule', () => {
    const found = Object.values(damages).flatMap(({ rules }) => rules);
    expect([...new Set(found)].toSorted()).toEqual([...ledgerRules].toSorted());
  });

  it('says which job, and what was expected and found', async () => {
    const { ended } = await aLedger();
    await damage(`update jobs set captured_micros = 1 where id = '${ended}'`);
    expect(await checkLedger(database)).toEqual([
      {
        rule: 'job_says_what_was_captured',
        jobId: ended,
        attempt: null,
        account: null,
        expectedMicros: 800_000,
        foundMicros: 1,
      },
    ]);
  });
});

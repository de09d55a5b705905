import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Look, ProviderTask, VideoProvider } from '../../contract/provider.js';
import { LookError } from '../../contract/provider-errors.js';
import { checkLedger } from '../../store/ledger-check.js';
import { aPlan, aRoute } from '../support/plans.js';
import { type RevivedJob, type ReviveWorld, startReviveWorld } from '../support/revive-world.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

const pending: Look = { status: 'pending', providerStatus: 'running' };
const succeeded: Look = { status: 'succeeded', files: [{ url: 'https://files.example/a' }] };
const gone = () => Promise.reject(new LookError({ class: 'NOT_FOUND', message: 'no such task' }));
const lost: Look = { status: 'failed', error: { class: 'PROVIDER_INTERNAL', message: 'lost' }, charged: true };
const moveOn: Look = { status: 'failed', error: { class: 'BALANCE', message: 'no money' }, charged: true };

/** Takes every task, under an id that names its attempt. */
const accepting: VideoProvider['submit'] = async ({ upstreamModel }, { attemptKey }) => {
  const account = upstreamModel === 'model-1' ? 'first' : 'second';
  return { outcome: 'accepted', task: { account, upstreamModel, id: attemptKey } };
};

/** Something a provider does only when the test lets it. */
function aGate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}

/** What a workflow was doing when it was lost, and that its job goes on from there. */
describe('a job whose workflow was lost', () => {
  let world: ReviveWorld;
  beforeAll(async () => {
    world = await startReviveWorld(['first', 'second']);
  });
  afterEach(async () => {
    expect(await checkLedger(world.database)).toEqual([]);
  });
  afterAll(() => world.close(), 30_000);

  async function expectSuccess(job: RevivedJob, submits: number): Promise<void> {
    expect(await job.untilEnded()).toMatchObject({ state: 'succeeded', captured_micros: 800_000 });
    expect(job.calls.submits).toHaveLength(submits);
    expect(new Set(job.calls.submits).size).toBe(submits);
    expect(await job.settledOnce()).toBe(true);
  }

  it('before its submit', async () => {
    const job = await world.accept(aPlan(), { submit: accepting, look: async () => succeeded });
    await job.loseWorkflow();
    await world.startWorkers();
    await expectSuccess(job, 1);
  });

  it('while its submit is on the way: the answer is waited for, and nothing is sent again', async () => {
    const gate = aGate();
    const plan = aPlan({ timing: { reconcileBlindGraceMs: 30_000 } });
    const job = await world.accept(plan, {
      submit: async (...call) => {
        await gate.opened;
        return accepting(...call);
      },
      look: async () => succeeded,
    });
    await until(() => job.calls.submits.length === 1, 5);
    await job.loseWorkflow();
    await job.untilRow(({ phase }) => phase === 'reconciling');
    gate.open();
    await expectSuccess(job, 1);
  });

  it('while nobody knew whether the provider took it', async () => {
    const error = { class: 'OUTCOME_UNKNOWN', message: 'cut' } as const;
    const plan = aPlan({ timing: { reconcileBlindGraceMs: 5_000 } });
    const job = await world.accept(plan, { submit: async () => ({ outcome: 'unknown', error }) });
    await job.untilRow(({ phase }) => phase === 'reconciling');
    await job.loseWorkflow();
    expect(await job.untilEnded()).toMatchObject({ state: 'failed', error_code: 'submission_unknown' });
    expect(job.calls.submits).toHaveLength(1);
    expect(await job.settledOnce()).toBe(true);
  });

  it('while it waited for its first look', async () => {
    const plan = aPlan({ timing: { firstLookMs: 4_000 } });
    const job = await world.accept(plan, { submit: accepting, look: async () => succeeded });
    await job.untilRow(({ phase }) => phase === 'waiting');
    await job.loseWorkflow();
    await expectSuccess(job, 1);
  });

  it('while it polled', async () => {
    let look: Look = pending;
    const job = await world.accept(aPlan(), { submit: accepting, look: async () => look });
    await until(() => job.calls.looks > 1, 5);
    await job.loseWorkflow();
    look = succeeded;
    await expectSuccess(job, 1);
  });

  it('with its file stored, before it was settled, and its provider knows the task no more', async () => {
    let isGone = false;
    const settle = world.holdSettlements();
    const job = await world.accept(aPlan(), {
      submit: accepting,
      look: () => (isGone ? gone() : Promise.resolve(succeeded)),
    });
    await until(async () => {
      const stored = world.database.queries.selectFrom('artifacts').select('id').where('job_id', '=', job.id);
      return (await stored.execute()).length > 0;
    }, 5);
    await job.loseWorkflow(() => {
      isGone = true;
    });
    settle();
    await expectSuccess(job, 1);
  });

  it('when it had been cancelled', async () => {
    const gate = aGate();
    const job = await world.accept(aPlan(), {
      submit: accepting,
      look: async () => pending,
      cancel: async () => {
        await gate.opened;
        return 'confirmed';
      },
    });
    await until(() => job.calls.looks > 0, 5);
    await job.requestCancel();
    await until(() => job.calls.cancels > 0, 5);
    await job.loseWorkflow();
    gate.open();
    expect(await job.untilEnded()).toMatchObject({
      state: 'canceled',
      captured_micros: 0,
      provider_cancel: 'confirmed',
    });
    expect(job.calls.submits).toHaveLength(1);
    expect(await job.settledOnce()).toBe(true);
  });

  it('after a refusal, at its second provider', async () => {
    let look: Look = pending;
    const job = await world.accept(aPlan(), {
      submit: async (generation, options) =>
        generation.upstreamModel === 'model-1'
          ? { outcome: 'refused', error: { class: 'BALANCE', message: 'no money' } }
          : accepting(generation, options),
      look: async () => look,
    });
    await until(() => job.calls.looks > 0, 5);
    await job.loseWorkflow();
    look = succeeded;
    await expectSuccess(job, 2);
  });

  it.each([
    ['at another', moveOn, 'second'],
    ['at the same', lost, 'first'],
  ])('after its first task failed and was forgotten by its provider, with a second %s', async (_, verdict, account) => {
    let isLost = false;
    const first = (task: ProviderTask) => task.id.endsWith(':1');
    const job = await world.accept(aPlan(), {
      submit: accepting,
      look: (task) => {
        if (first(task)) return isLost ? gone() : Promise.resolve(verdict);
        return Promise.resolve(isLost ? succeeded : pending);
      },
    });
    await until(async () => (await job.attempts()).length === 2 && (await job.row()).phase === 'polling', 5);
    await job.loseWorkflow(() => {
      isLost = true;
    });
    await expectSuccess(job, 2);
    expect(await job.attempts()).toMatchObject([{ state: 'failed' }, { state: 'succeeded', account }]);
  });

  it('after its first task was left as stalled: it is not waited for again', async () => {
    let isRevived = false;
    let looksAtFirst = 0;
    const plan = aPlan({
      routes: [aRoute(), aRoute({ account: 'second', upstreamModel: 'model-2' })],
      timing: { stallMs: 3_000 },
    });
    const job = await world.accept(plan, {
      submit: accepting,
      look: async (task) => {
        if (task.account === 'second') return isRevived ? succeeded : pending;
        if (isRevived) looksAtFirst += 1;
        return pending;
      },
    });
    await until(async () => (await job.attempts()).length === 2 && (await job.row()).phase === 'polling', 5);
    await job.loseWorkflow(() => {
      isRevived = true;
    });
    await expectSuccess(job, 2);
    expect(await job.attempts()).toMatchObject([{ state: 'abandoned' }, { state: 'succeeded' }]);
    expect(looksAtFirst).toBeLessThanOrEqual(1);
  });
});

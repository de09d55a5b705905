import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Runtime, Worker } from '@temporalio/worker';
import { notReady } from '../../activities/failure.js';
import type { ProviderErrorClass } from '../../contract/provider-errors.js';
import { findProjectRoot } from '../../runtime/root.js';
import { jobState, providerCallback } from '../../workflows/messages.js';
import { keepHistory } from '../support/keep-history.js';
import { aPlan } from '../support/plans.js';
import { until } from '../support/until.js';
import { quietTemporal, type Script, startWorkflowWorld } from '../support/workflow-world.js';

const root = findProjectRoot();
const codePath = join(root, 'dist', 'workflow-bundle.js');
const folder = join(root, 'test', 'workflows', 'histories');

jest.setTimeout(60_000);

const pending = (inMs: number) => async () => {
  throw notReady('running', inMs);
};
const at = (account: string, attempt: number) => ({
  kind: 'accepted' as const,
  task: { account, upstreamModel: account === 'first' ? 'model-1' : 'model-2', id: `task-${attempt}` },
});
/** Every provider takes the task, cannot cancel it, and says nothing more of it. */
const taken: Partial<Script> = {
  submitGeneration: async ({ route, attempt }) => at(route.account, attempt),
  cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
  lookOnce: async () => ({ kind: 'pending' }),
};
const lost = async () => ({ kind: 'result_lost' as const });
const broken =
  (errorClass: ProviderErrorClass = 'PROVIDER_INTERNAL') =>
  async () => ({ kind: 'failed' as const, errorClass, mayBeCharged: true });
/** Temporal gives up a look that fails for good as it gives up one that never has an answer. */
const silent = async () => {
  throw ApplicationFailure.nonRetryable('nothing was heard');
};
const onFirst =
  <Input extends { attempt: number }, First, Later>(first: (input: Input) => First, later: (input: Input) => Later) =>
  (input: Input): First | Later =>
    input.attempt === 1 ? first(input) : later(input);
const succeeded = async () => ({ kind: 'succeeded' as const });
const stored = async () => ({ kind: 'stored' as const });
const nobodyKnows = async () => ({ kind: 'still_unknown' as const });
const lostAtFirst: Script['submitGeneration'] = async ({ route, attempt }) =>
  route.account === 'first' ? { kind: 'unknown' } : at(route.account, attempt);
/** Nobody knows, and an operator says this, or nothing. */
const heldBy = (word?: Awaited<ReturnType<Script['reconcileSubmission']>>): Partial<Script> => ({
  submitGeneration: lostAtFirst,
  reconcileSubmission: async ({ isHeld }) => {
    if (!isHeld) return { kind: 'still_unknown' };
    if (!word) throw notReady('an operator decides', 100);
    return word;
  },
});
const refusedBySecond: Partial<Script> = {
  submitGeneration: async ({ route, attempt }) =>
    route.account === 'first' ? at('first', attempt) : { kind: 'refused', errorClass: 'BALANCE' },
};
/** The first look finds the task running; the next, what is said. */
const lookAgain = (next: Script['lookOnce']): Script['lookOnce'] => {
  let looks = 0;
  return async (input) => {
    looks += 1;
    return looks === 1 ? { kind: 'pending' } : next(input);
  };
};

/** What is asked again gets another answer. */
const atFirst = <Input, Answer>(first: (input: Input) => Promise<Answer>, later: (input: Input) => Promise<Answer>) => {
  let asked = 0;
  return (input: Input) => {
    asked += 1;
    return asked === 1 ? first(input) : later(input);
  };
};

/**
 * Named by where the job stands. `RECORD_HISTORIES=1` keeps those that are not kept yet: to be run before a change of their path, because what
 * earlier code made is what later code must replay.
 */
const positions: Record<
  string,
  {
    script: Partial<Script>;
    standsAt?: string;
    plan?: ReturnType<typeof aPlan>;
    isCancelled?: boolean;
    isCalledBack?: boolean;
  }
> = {
  succeeded: { script: {} },
  'succeeded-after-failover': {
    script: {
      submitGeneration: async ({ route }) =>
        route.account === 'first'
          ? { kind: 'refused', errorClass: 'RATE_LIMITED', retryAfterMs: 20 }
          : { kind: 'accepted', task: { account: 'second', upstreamModel: 'model-2', id: 'task-2' } },
    },
  },
  'failed-submission-unknown': {
    script: {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: async () => ({ kind: 'still_unknown' }),
    },
  },
  'canceled-while-polling': {
    standsAt: 'poll',
    isCancelled: true,
    script: {
      pollTask: async () => {
        throw notReady('running', 100);
      },
      cancelTask: async () => ({ kind: 'left', providerCancel: 'unsupported' }),
      lookOnce: async () => ({ kind: 'pending' }),
    },
  },
  waiting: { standsAt: 'wait', script: {}, plan: aPlan({ timing: { firstLookMs: 600_000, deadlineMs: 3_600_000 } }) },
  polling: {
    standsAt: 'poll',
    script: {
      pollTask: async () => {
        throw notReady('running', 600_000);
      },
    },
    plan: aPlan({ timing: { stallMs: 3_600_000, deadlineMs: 3_600_000 } }),
  },
  submitting: { standsAt: 'submit', script: { submitGeneration: pending(600_000) } },
  downloading: { standsAt: 'download', script: { downloadResult: pending(5_000) } },
  'polling-after-failover': {
    standsAt: 'poll second',
    script: { ...taken, pollTask: onFirst(broken('BALANCE'), pending(600_000)) },
    plan: aPlan({ timing: { stallMs: 3_600_000, deadlineMs: 3_600_000 } }),
  },
  'succeeded-after-stall': { script: { ...taken, pollTask: onFirst(silent, succeeded) } },
  'failed-after-stalls': { script: { ...taken, pollTask: silent } },
  'failed-after-stall-and-refusal': {
    script: {
      ...taken,
      submitGeneration: async ({ route, attempt }) =>
        route.account === 'first' ? at('first', attempt) : { kind: 'refused', errorClass: 'BALANCE' },
      pollTask: silent,
    },
  },
  'failed-generation': { script: { ...taken, pollTask: broken() } },
  'succeeded-after-lost-result': { script: { ...taken, downloadResult: onFirst(lost, stored) } },
  'failed-results-lost': { script: { ...taken, downloadResult: lost } },
  'canceled-while-waiting': {
    standsAt: 'wait',
    isCancelled: true,
    script: taken,
    plan: aPlan({ timing: { firstLookMs: 600_000, deadlineMs: 3_600_000 } }),
  },
  'canceled-while-downloading': {
    standsAt: 'download',
    isCancelled: true,
    script: { ...taken, downloadResult: pending(100), lookOnce: succeeded },
  },
  'failed-deadline-while-polling': {
    script: { ...taken, pollTask: pending(100) },
    plan: aPlan({ timing: { deadlineMs: 1_500 } }),
  },
  // The next look would come after the deadline, so Temporal gives up half a second before it.
  'failed-short-of-deadline': {
    script: { ...taken, pollTask: pending(1_000) },
    plan: aPlan({ timing: { deadlineMs: 1_500 } }),
  },
  'succeeded-after-deadline': {
    script: { ...taken, pollTask: pending(100), lookOnce: succeeded },
    plan: aPlan({ timing: { deadlineMs: 1_500 } }),
  },
  'failed-deadline-while-pausing': {
    script: { submitGeneration: async () => ({ kind: 'refused', errorClass: 'RATE_LIMITED', retryAfterMs: 2_500 }) },
    plan: aPlan({ timing: { deadlineMs: 1_500 } }),
  },
  reconciling: {
    standsAt: 'reconcile',
    script: {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: async () => {
        throw notReady('the provider does not know yet', 600_000);
      },
    },
  },
  held: { standsAt: 'hold', script: { ...taken, ...heldBy() }, plan: aPlan({ unknownPolicy: 'hold' }) },
  'canceled-while-held': {
    standsAt: 'hold',
    isCancelled: true,
    script: { ...taken, ...heldBy() },
    plan: aPlan({ unknownPolicy: 'hold' }),
  },
  'succeeded-after-hold': {
    script: { ...taken, ...heldBy(at('first', 1)), pollTask: succeeded },
    plan: aPlan({ unknownPolicy: 'hold' }),
  },
  'failed-after-hold': {
    script: { ...taken, ...heldBy({ kind: 'resolved', as: 'fail' }) },
    plan: aPlan({ unknownPolicy: 'hold' }),
  },
  'succeeded-after-left-unknown': {
    script: { ...taken, submitGeneration: lostAtFirst, reconcileSubmission: nobodyKnows, pollTask: succeeded },
    plan: aPlan({ unknownPolicy: 'failover' }),
  },
  'failed-after-left-unknown': {
    script: { submitGeneration: async () => ({ kind: 'unknown' }), reconcileSubmission: nobodyKnows },
    plan: aPlan({ unknownPolicy: 'failover' }),
  },
  'succeeded-after-revisit': {
    script: { ...taken, ...refusedBySecond, pollTask: silent, lookOnce: lookAgain(succeeded) },
  },
  'failed-after-revisit': { script: { ...taken, ...refusedBySecond, pollTask: silent } },
  'failed-at-deadline-of-last-wait': {
    script: { ...taken, pollTask: pending(1_000) },
    plan: aPlan({ timing: { deadlineMs: 1_500 } }),
  },
  'failed-at-deadline-of-pause': {
    script: { submitGeneration: async () => ({ kind: 'refused', errorClass: 'RATE_LIMITED', retryAfterMs: 2_500 }) },
    plan: aPlan({ timing: { deadlineMs: 1_500 } }),
  },
  'called-back-while-waiting': {
    standsAt: 'wait',
    isCalledBack: true,
    script: {},
    plan: aPlan({ timing: { firstLookMs: 600_000, deadlineMs: 3_600_000 } }),
  },
  'called-back-while-polling': {
    standsAt: 'poll',
    isCalledBack: true,
    script: { pollTask: atFirst(pending(600_000), succeeded) },
    plan: aPlan({ timing: { stallMs: 3_600_000, deadlineMs: 3_600_000 } }),
  },
  'called-back-early': {
    standsAt: 'submit',
    isCalledBack: true,
    script: { submitGeneration: atFirst(pending(3_000), async () => at('first', 1)) },
    plan: aPlan({ timing: { firstLookMs: 600_000, deadlineMs: 3_600_000 } }),
  },
};

type NamedHistory = { workflowId: string; history: unknown };

/** What went wrong, by name. One worker replays them all: to make one takes far longer than a replay. */
async function replayAll(histories: readonly NamedHistory[]): Promise<Record<string, string>> {
  const failures: Record<string, string> = {};
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: { codePath } }, histories)) {
    if (error) failures[workflowId] = error.message;
  }
  return failures;
}

describe('the workflow bundle', () => {
  const kept = readdirSync(folder).map((file) => ({
    workflowId: file,
    history: JSON.parse(readFileSync(join(folder, file), 'utf8')),
  }));
  let failures: Record<string, string>;
  beforeAll(async () => {
    quietTemporal();
    failures = await replayAll(kept);
  });
  afterAll(() => Runtime.instance().shutdown());

  it('holds no zod and no schema', () => {
    const bundle = readFileSync(codePath, 'utf8');
    expect(bundle).not.toMatch(/node_modules\/zod/);
    expect(bundle).not.toContain('ZodType');
    expect(bundle).toContain('videoJob');
  });

  it.each(kept.map(({ workflowId }) => workflowId))('replays the kept history %s', (file) => {
    expect(failures[file]).toBeUndefined();
  });

  it('refuses a history that it would not have made', async () => {
    const text = readFileSync(join(folder, 'succeeded.json'), 'utf8').replaceAll('"pollTask"', '"anotherActivity"');
    const changed = { workflowId: 'changed', history: JSON.parse(text) };
    expect(await replayAll([changed])).toEqual({ changed: expect.stringMatching(/anotherActivity|pollTask/) });
  });
});

describe('a history of today', () => {
  const made: NamedHistory[] = [];
  let world: Awaited<ReturnType<typeof startWorkflowWorld>>;
  beforeAll(async () => {
    world = await startWorkflowWorld(['first', 'second']);
  });
  afterAll(() => world.close());

  it.each(Object.entries(positions))(
    'is made where the job is %s',
    async (name, { script, standsAt, plan, isCancelled, isCalledBack }) => {
      const { handle } = await world.start(plan ?? aPlan(), script);
      const [step, account] = standsAt?.split(' ') ?? [];
      if (standsAt) {
        await until(async () => {
          const now = await handle.query(jobState);
          return now.step === step && (account === undefined || now.provider === account);
        });
      }
      if (isCancelled) await handle.cancel();
      if (isCalledBack) await handle.signal(providerCallback, { attempt: 1 });
      const isOpen = standsAt && !isCancelled && !isCalledBack;
      if (!isOpen) await handle.result();

      const history = JSON.parse(historyToJSON(await handle.fetchHistory()));
      if (isOpen) await handle.terminate('the test has seen enough');
      made.push({ workflowId: name, history });
      keepHistory(join(folder, `${name}.json`), history);
    },
  );

  it('replays, wherever the job is', async () => {
    expect(made.map(({ workflowId }) => workflowId)).toEqual(Object.keys(positions));
    expect(await replayAll(made)).toEqual({});
  });
});

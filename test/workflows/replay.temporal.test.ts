import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Runtime, Worker } from '@temporalio/worker';
import { notReady } from '../../activities/failure.js';
import { findProjectRoot } from '../../runtime/root.js';
import { jobState } from '../../workflows/messages.js';
import { aPlan } from '../support/plans.js';
import { until } from '../support/until.js';
import { quietTemporal, type Script, startWorkflowWorld } from '../support/workflow-world.js';

const root = findProjectRoot();
const codePath = join(root, 'dist', 'workflow-bundle.js');
const folder = join(root, 'test', 'workflows', 'histories');

jest.setTimeout(60_000);

/** Named by where the job stands. `RECORD_HISTORIES=1` keeps them anew, after a change that is guarded by `patched()`. */
const positions: Record<
  string,
  { script: Partial<Script>; standsAt?: string; plan?: ReturnType<typeof aPlan>; isCancelled?: boolean }
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
  reconciling: {
    standsAt: 'reconcile',
    script: {
      submitGeneration: async () => ({ kind: 'unknown' }),
      reconcileSubmission: async () => {
        throw notReady('the provider does not know yet', 600_000);
      },
    },
  },
};

describe('the workflow bundle', () => {
  beforeAll(quietTemporal);
  afterAll(() => Runtime.instance().shutdown());

  it('holds no zod and no schema', () => {
    const bundle = readFileSync(codePath, 'utf8');
    expect(bundle).not.toMatch(/node_modules\/zod/);
    expect(bundle).not.toContain('ZodType');
    expect(bundle).toContain('videoJob');
  });

  it.each(readdirSync(folder))('replays the kept history %s', async (file) => {
    const history = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, file);
  });

  it('refuses a history that it would not have made', async () => {
    const text = readFileSync(join(folder, 'succeeded.json'), 'utf8').replaceAll('"pollTask"', '"anotherActivity"');
    const replay = Worker.runReplayHistory({ workflowBundle: { codePath } }, JSON.parse(text), 'changed');
    await expect(replay).rejects.toThrow(/anotherActivity|pollTask/);
  });
});

describe('a history of today', () => {
  let world: Awaited<ReturnType<typeof startWorkflowWorld>>;
  beforeAll(async () => {
    world = await startWorkflowWorld(['first', 'second']);
  });
  afterAll(() => world.close());

  it.each(Object.entries(positions))(
    'replays where the job is %s',
    async (name, { script, standsAt, plan, isCancelled }) => {
      const { handle } = await world.start(plan ?? aPlan(), script);
      if (standsAt) await until(async () => (await handle.query(jobState)).step === standsAt);
      if (isCancelled) await handle.cancel();
      const isOpen = standsAt && !isCancelled;
      if (!isOpen) await handle.result();

      const history = JSON.parse(historyToJSON(await handle.fetchHistory()));
      await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, handle.workflowId);
      if (isOpen) await handle.terminate('the test has seen enough');
      if (process.env.RECORD_HISTORIES) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(history, null, 1)}\n`);
      }
    },
  );
});

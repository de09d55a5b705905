import { join } from 'node:path';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/index.js';
import type { JobPlan } from '../../contract/plan.js';
import { mediaQueue, providerQueue, searchAttributeNames, workflowQueue } from '../../contract/queues.js';
import { newId } from '../../runtime/ids.js';
import { findProjectRoot } from '../../runtime/root.js';
import type { videoJob } from '../../workflows/video-job.js';
import { createTestNamespace } from './temporal.js';

/** What the activities of one job do. */
export type Script = {
  [Name in keyof Activities]: (
    input: Parameters<Activities[Name]>[0],
  ) => Promise<Awaited<ReturnType<Activities[Name]>>>;
};

const unexpected = (name: string) => async (): Promise<never> => {
  throw new Error(`${name} was not expected`);
};

const task = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };

/** A provider that takes the task, has it finished at the first look, and a file that can be had. */
const happyScript: Script = {
  submitGeneration: async () => ({ kind: 'accepted', task }),
  reconcileSubmission: unexpected('reconcileSubmission'),
  pollTask: async () => ({ kind: 'succeeded' }),
  lookOnce: unexpected('lookOnce'),
  cancelTask: unexpected('cancelTask'),
  downloadResult: async () => ({ kind: 'stored' }),
  makeRendition: unexpected('makeRendition'),
  finishJob: async ({ ending }) => ({ state: ending.state, capturedMicros: 0 }),
};

/** The SDK's own chatter is not what a test prints. To be called before anything of the SDK runs. */
export function quietTemporal(): void {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
}

/** Real Temporal and the real workflow bundle; only the activities are scripted, per job. */
export async function startWorkflowWorld(accounts: string[]) {
  quietTemporal();
  const scripts = new Map<string, Script>();
  const calls = new Map<string, string[]>();
  const scripted =
    <Name extends keyof Activities>(name: Name) =>
    (input: Parameters<Activities[Name]>[0]) => {
      calls.get(input.jobId)?.push(name);
      const script = scripts.get(input.jobId);
      if (!script) throw new Error(`no script for ${input.jobId}`);
      return script[name](input as never);
    };
  const names = Object.keys(happyScript) as (keyof Activities)[];
  const activities = Object.fromEntries(names.map((name) => [name, scripted(name)]));

  const { address, namespace, client, close } = await createTestNamespace();
  const connection = await NativeConnection.connect({ address });
  const common = { connection, namespace, activities };
  const codePath = join(findProjectRoot(), 'dist', 'workflow-bundle.js');
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: workflowQueue, workflowBundle: { codePath } }),
    ...[mediaQueue, ...accounts.map(providerQueue)].map((taskQueue) => Worker.create({ ...common, taskQueue })),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));

  return {
    client,
    async start(plan: JobPlan, script: Partial<Script> = {}) {
      const jobId = newId('job');
      scripts.set(jobId, { ...happyScript, ...script });
      calls.set(jobId, []);
      const status = defineSearchAttributeKey(searchAttributeNames.status, 'KEYWORD');
      const handle = await client.workflow.start<typeof videoJob>('videoJob', {
        workflowId: jobId,
        taskQueue: workflowQueue,
        args: [{ jobId, workspaceId: 'ws_1', ...plan }],
        typedSearchAttributes: new TypedSearchAttributes([{ key: status, value: 'running' }]),
      });
      return { jobId, handle, calls: calls.get(jobId) ?? [] };
    },
    async close() {
      for (const worker of workers) worker.shutdown();
      await running;
      await connection.close();
      await close();
      await Runtime.instance().shutdown();
    },
  };
}

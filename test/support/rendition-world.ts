import { join } from 'node:path';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/index.js';
import { mediaQueue, workflowQueue } from '../../contract/queues.js';
import { findProjectRoot } from '../../runtime/root.js';
import { createTestNamespace } from './temporal.js';
import { quietTemporal } from './workflow-world.js';

/** Real Temporal and the real workflow bundle for stills, which are made by `activities`. */
export async function startRenditionWorld(activities: Pick<Activities, 'makeRendition'>) {
  quietTemporal();
  const { address, namespace, client, close } = await createTestNamespace();
  const connection = await NativeConnection.connect({ address });
  const codePath = join(findProjectRoot(), 'dist', 'workflow-bundle.js');
  const workers = await Promise.all([
    Worker.create({ connection, namespace, taskQueue: workflowQueue, workflowBundle: { codePath } }),
    Worker.create({ connection, namespace, taskQueue: mediaQueue, activities }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));

  return {
    client,
    async close() {
      for (const worker of workers) worker.shutdown();
      await running;
      await connection.close();
      await close();
      await Runtime.instance().shutdown();
    },
  };
}

import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { findProjectRoot } from '../runtime/root.js';
import { nothing } from './bare-activity.js';
import { bareQueues } from './support/bare-queues.js';

/** A process of its own for the bare workflow, as our worker is one. */
const address = process.argv[2];
if (!address) throw new Error('usage: bare-worker.js <address of Temporal>');
const logger = new DefaultLogger('ERROR');
Runtime.install({ logger });
const workflowsPath = join(findProjectRoot(), 'dist', 'bench', 'workflows', 'bare.js');
const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
const connection = await NativeConnection.connect({ address });
const activities = { nothing };
const workers = await Promise.all([
  Worker.create({ connection, taskQueue: bareQueues.jobs, workflowBundle, activities, workflowThreadPoolSize: 1 }),
  Worker.create({ connection, taskQueue: bareQueues.provider, activities }),
  Worker.create({ connection, taskQueue: bareQueues.media, activities }),
]);
const running = Promise.all(workers.map((worker) => worker.run()));
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
await running;

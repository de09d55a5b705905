import type { VersioningBehavior } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import type { Config } from '../runtime/config.js';

type Settings = Pick<Config, 'WORKER_VERSIONING' | 'WORKER_DEPLOYMENT' | 'WORKER_BUILD_ID'>;

/**
 * How a worker tells Temporal its build. Every queue of a process says the same, those with activities only as well: then the activities of a
 * pinned job run on its own build, too, and not on whichever build takes them first.
 */
export function versionOf(settings: Settings): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  const { WORKER_VERSIONING: versioning, WORKER_DEPLOYMENT: deploymentName, WORKER_BUILD_ID: buildId } = settings;
  if (versioning === 'off') return {};
  const defaultVersioningBehavior: VersioningBehavior = versioning === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE';
  const version = { deploymentName, buildId };
  return { workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior } };
}

import { type Client, isGrpcServiceError } from '@temporalio/client';

/** Every build of the workers that Temporal has met under this name. */
export type Deployment = { client: Client; name: string };

/**
 * Where a build stands. `inactive`: its workers have come, and get no job before it is made current. `draining`: it gets no new job, and
 * jobs are pinned to it. `drained`: none is any more.
 */
export type ReleaseStatus = 'inactive' | 'current' | 'ramping' | 'draining' | 'drained';

export type Release = {
  buildId: string;
  status: ReleaseStatus;
  /** Open workflows whose last step was this build's. */
  open: number;
  currentSince: Date | null;
};

/** By the numbers of the server's protocol. */
const statuses: Record<number, ReleaseStatus> = {
  1: 'inactive',
  2: 'current',
  3: 'ramping',
  4: 'draining',
  5: 'drained',
};
const MS_PER_SECOND = 1_000;
const GRPC_NOT_FOUND = 5;

/** The builds, newest first. None when no versioned worker has ever come. */
export async function listReleases({ client, name }: Deployment): Promise<Release[]> {
  const { namespace } = client.options;
  const described = await client.workflowService
    .describeWorkerDeployment({ namespace, deploymentName: name })
    .catch((error: unknown) => {
      if (isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND) return undefined;
      throw error;
    });
  const summaries = described?.workerDeploymentInfo?.versionSummaries ?? [];
  const newestFirst = summaries.toSorted(
    (one, other) => millisecondsOf(other.createTime) - millisecondsOf(one.createTime),
  );
  return Promise.all(
    newestFirst.map(async ({ deploymentVersion, status, currentSinceTime }) => {
      const buildId = deploymentVersion?.buildId ?? '';
      const { count } = await client.workflow.count(openOn(name, buildId));
      return {
        buildId,
        status: statuses[status ?? 0] ?? 'inactive',
        open: count,
        currentSince: currentSinceTime ? new Date(millisecondsOf(currentSinceTime)) : null,
      };
    }),
  );
}

/**
 * Gives new jobs, and running ones that are not pinned, to this build; the empty text gives them back to workers without a version. Refused
 * while this build's workers do not serve every queue that the present one serves.
 */
export async function makeCurrent({ client, name }: Deployment, buildId: string): Promise<void> {
  const { namespace } = client.options;
  await client.workflowService
    .setWorkerDeploymentCurrentVersion({ namespace, deploymentName: name, buildId })
    .catch((error: unknown) => {
      // The server's own sentence says which build or queue is missing.
      throw isGrpcServiceError(error) ? new Error(error.details, { cause: error }) : error;
    });
}

/** Lets the open workflows that are pinned to a build go on with the current one. Tells how many there were. */
export async function unpin({ client, name }: Deployment, buildId: string): Promise<number> {
  const { namespace } = client.options;
  const query = `${openOn(name, buildId)} AND TemporalWorkflowVersioningBehavior = "Pinned"`;
  let moved = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    await client.workflowService.updateWorkflowExecutionOptions({
      namespace,
      workflowExecution: { workflowId, runId },
      workflowExecutionOptions: { versioningOverride: { autoUpgrade: true } },
      updateMask: { paths: ['versioning_override'] },
    });
    moved += 1;
  }
  return moved;
}

const openOn = (name: string, buildId: string) =>
  `TemporalWorkerDeploymentVersion = "${name}:${buildId}" AND ExecutionStatus = "Running"`;

type Moment = { seconds?: { toNumber(): number } | null } | null | undefined;

function millisecondsOf(moment: Moment): number {
  return (moment?.seconds?.toNumber() ?? 0) * MS_PER_SECOND;
}

import {
  type Client,
  isGrpcDeadlineError,
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/client';
import { ServiceError } from '../contract/errors.js';
import { workflowQueue } from '../contract/queues.js';
import type { ArtifactRow, Artifacts, RenditionKind } from '../store/artifacts.js';
import type { makeRendition } from '../workflows/make-rendition.js';

type Deps = { artifacts: Artifacts; temporal: Client };
type Wanted = { jobId: string; index: number; kind: RenditionKind; video: ArtifactRow };
type Outcome = Awaited<ReturnType<typeof makeRendition>>;

const START_PATIENCE_MS = 5_000;
/** Longer than any still takes unless many are asked for at once. */
const PATIENCE_MS = 20_000;
const RETRY_AFTER_SECONDS = 5;

/**
 * A still of a video that the caller may read; the first who asks has it made, and waits.
 *
 * @throws `not_found` where nothing can be drawn of the video, `content_not_ready` when it takes longer than we wait, `service_unavailable`
 */
export async function findRendition(deps: Deps, wanted: Wanted): Promise<ArtifactRow> {
  const { jobId, index: variant, kind: role } = wanted;
  const known = await deps.artifacts.rendition({ jobId, variant, role });
  if (known) return known;

  const { kind } = await outcomeOf(deps.temporal, wanted);
  const made = kind === 'made' ? await deps.artifacts.rendition({ jobId, variant, role }) : undefined;
  if (!made) throw new ServiceError('not_found', { detail: `No ${role} can be made of this video.` });
  return made;
}

async function outcomeOf(temporal: Client, wanted: Wanted): Promise<Outcome> {
  const endsAt = Date.now() + PATIENCE_MS;
  const handle = await start(temporal, wanted);
  try {
    return await temporal.withDeadline(endsAt, () => handle.result());
  } catch (error) {
    // Its tries are used up without a verdict on the video, or it still runs: asking again starts it again, or joins it.
    if (error instanceof WorkflowFailedError || isGrpcDeadlineError(error)) {
      throw new ServiceError('content_not_ready', {
        detail: `The ${wanted.kind} is not made yet.`,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        cause: error,
      });
    }
    throw temporalIsAway(error);
  }
}

async function start(temporal: Client, { jobId, index, kind, video }: Wanted) {
  try {
    return await temporal.withDeadline(Date.now() + START_PATIENCE_MS, () =>
      temporal.workflow.start<typeof makeRendition>('makeRendition', {
        workflowId: `rendition:${jobId}:${index}:${kind}`,
        taskQueue: workflowQueue,
        args: [{ jobId, variant: index, kind }],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        workflowTaskTimeout: '5 seconds',
        priority: { fairnessKey: video.workspace_id },
        staticSummary: `${kind} of ${jobId}, variant ${index}`,
      }),
    );
  } catch (error) {
    throw temporalIsAway(error);
  }
}

function temporalIsAway(cause: unknown): ServiceError {
  return new ServiceError('service_unavailable', {
    detail: 'Temporal does not answer. The video itself can be had all the same.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });
}

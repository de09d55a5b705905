import type { LinkSigner } from '../artifacts/signed-links.js';
import type { ArtifactStore } from '../artifacts/store.js';
import { ServiceError } from '../contract/errors.js';
import { isJobStep } from '../contract/pipeline.js';
import type { Pipelines } from '../store/pipelines.js';
import type { Content, ContentAccess } from './content.js';
import { stepLinkId } from './job-view.js';

type Deps = { pipelines: Pick<Pipelines, 'find' | 'stepsOf' | 'filesOf'>; store: ArtifactStore; signer: LinkSigner };
type ContentRequest = { pipelineId: string; step: string; access: ContentAccess };

const RETRY_AFTER_SECONDS = 5;

/** The still or the joined video of a step. @throws `not_found`, `content_not_ready`, `content_gone`, `link_invalid` */
export async function findStepContent(
  deps: Deps,
  { pipelineId, step: name, access }: ContentRequest,
): Promise<Content> {
  const { pipelines, store, signer } = deps;
  if (access.kind === 'link' && !signer.verify({ id: stepLinkId(pipelineId, name), index: 0, ...access })) {
    throw new ServiceError('link_invalid');
  }
  if (access.kind === 'workspace' && !(await pipelines.find({ id: pipelineId, workspaceId: access.workspaceId }))) {
    throw new ServiceError('not_found', { detail: `There is no pipeline ${pipelineId}.` });
  }
  const steps = await pipelines.stepsOf([pipelineId]);
  const step = steps.find((one) => one.name === name);
  if (!step) throw new ServiceError('not_found', { detail: 'The pipeline has no such step.' });
  if (isJobStep(step.kind))
    throw new ServiceError('not_found', { detail: 'The file of this step is that of its job.' });
  if (step.state === 'pending' || step.state === 'running') {
    throw new ServiceError('content_not_ready', {
      detail: `The step is ${step.state}.`,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
  const files = await pipelines.filesOf(pipelineId);
  const file = files.find(({ id }) => id === step.artifact_id);
  if (!file) throw new ServiceError('not_found', { detail: 'The step has no file.' });
  if (!file.is_kept) throw new ServiceError('content_gone');
  return {
    bytes: file.bytes,
    sha256: file.sha256,
    contentType: file.content_type,
    fileName: `${pipelineId}-${name}.${file.role === 'frame' ? 'png' : 'mp4'}`,
    open: (range) => store.read(file.location, range),
  };
}

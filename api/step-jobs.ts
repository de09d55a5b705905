import type { ArtifactStore } from '../artifacts/store.js';
import { fieldError } from '../contract/errors.js';
import type { StepDefinition } from '../contract/pipeline-definition.js';
import { newId } from '../runtime/ids.js';
import type { PipelineJobs } from '../store/pipeline-jobs.js';
import type { StepFiles } from '../store/step-files.js';
import { normalForm } from './accept.js';
import { listInputs, removeInputs, storeInputs } from './inputs.js';
import type { JobRequest, RequestField } from './job-request.js';
import { type PlannedInputs, type PrepareDeps, prepareJob } from './prepare.js';
import { sourceOfFile } from './source-video.js';
import { gone, readKept, withImages } from './step-images.js';

export type StepJobDeps = PrepareDeps & {
  store: ArtifactStore;
  retentionDays: number;
  files: StepFiles;
  pipelineJobs: PipelineJobs;
};

type StepOfRun = { pipelineId: string; run: number; step: string };

/**
 * Makes the job of a pipeline's step when its sources are there: prepared as any job, and accepted out of the pipeline's reserve. A step
 * that has a job keeps it. For the worker, which is handed it as a function.
 */
export function createStepJobs(deps: StepJobDeps) {
  const { store, retentionDays, uploads, pipelineJobs } = deps;

  return async ({ pipelineId, run, step }: StepOfRun): Promise<{ jobId: string } | undefined> => {
    const asked = await pipelineJobs.find({ pipelineId, step });
    if (!asked?.definition.request) throw new Error(`${pipelineId}: ${step} is not a job`);
    const { workspaceId, apiKeyId, unknownPolicy, definition } = asked;
    const { request, known } = await requestOf(deps, { pipelineId, definition });
    const asking = { caller: { workspaceId, unknownPolicy }, wordFor: wordsOf(step, definition) };
    const prepared = await prepareJob(deps, request, asking, known);
    const inputs = await storeInputs(store, listInputs(prepared.inputs), { workspaceId, retentionDays, uploads });
    const { plan, priceMicrosPerSecond, holdMicros } = prepared;
    const { callbackUrl } = request;
    const owner = { workspaceId, apiKeyId, dialect: 'native', callbackUrl };
    const job = {
      id: newId('job'),
      ...owner,
      request: normalForm(prepared),
      plan,
      priceMicrosPerSecond,
      holdMicros,
      inputs,
    };
    const accepted = await pipelineJobs.accept({ pipelineId, run, step, job });
    if (!accepted?.isNew) await removeInputs(store, inputs);
    return accepted && { jobId: accepted.jobId };
  };
}

type Step = { pipelineId: string; definition: StepDefinition };

type Asked = { request: JobRequest; known?: PlannedInputs };

/** What the step asks for, with what its source has come to. */
async function requestOf(deps: StepJobDeps, { pipelineId, definition }: Step): Promise<Asked> {
  const { request, source } = definition;
  if (!request) throw new Error('not a job');
  const imageOf = async (artifactId: string) =>
    readKept(deps.store, await deps.files.input({ pipelineId, artifactId }), 'An image of the step');
  const asked = await withImages(request, imageOf);
  if (source === undefined) return { request: asked };
  const found = await deps.files.find({ pipelineId, source });
  if (request.operation !== 'extend' && request.operation !== 'remix') {
    return { request: { ...asked, firstFrame: await readKept(deps.store, found.file, `The source ${source}`) } };
  }
  const { jobId, file } = found;
  if (jobId !== null) return { request: { ...asked, sourceVideo: jobId } };
  if (!file?.is_kept) throw gone(`The source ${source}`);
  const refuse = (message: string) => fieldError('request_invalid', 'source', message);
  return { request: { ...asked, sourceVideo: source }, known: { sourceVideo: sourceOfFile(file, refuse) } };
}

/** Nobody waits for an answer any more: the words are for whoever reads why the step failed. */
function wordsOf(step: string, { source }: StepDefinition): (field: RequestField) => string {
  return (field) => {
    const isSource = field === 'sourceVideo' || (field === 'firstFrame' && source !== undefined);
    const word = isSource ? 'source' : field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return `${step}.${word}`;
  };
}

import { isJobStep } from '../../contract/pipeline.js';
import type { AcceptedPipeline } from '../cell.js';
import type { PipelineEvent, PipelineFacts, StepFacts } from './pipeline-facts.js';
import type { Invariant, Violation } from './violation.js';

const endings = ['pipeline.succeeded', 'pipeline.failed', 'pipeline.canceled'];
const stepEndings = ['step.succeeded', 'step.failed', 'step.skipped', 'step.canceled'];
const RETRIED = 'pipeline.retried';
/** Each of the joined videos ends with a frame and not at a moment. */
const SECONDS_DIFFER = 0.25;

export type PipelineEvidence = {
  accepted: AcceptedPipeline;
  facts: PipelineFacts | undefined;
  /** Every pipeline that was made for its key. */
  twins: string[];
  /** How the workflow of each run ended, in their order; undefined where it is gone. */
  workflowStates: (string | undefined)[];
};

type Blame = (invariant: Invariant, what: string) => void;

/** What does not hold of one pipeline and its steps, by its rows and its workflows. Its jobs are judged as any others. Pure. */
export function judgePipeline({ accepted, facts, twins, workflowStates }: PipelineEvidence): Violation[] {
  const found: Violation[] = [];
  const blame = (invariant: Invariant, what: string) => found.push({ invariant, subject: accepted.id, what });

  if (twins.length !== 1 || twins[0] !== accepted.id)
    blame('I7', `pipelines for its key: ${twins.join(', ') || 'none'}`);
  if (!facts) {
    blame('I1', 'it was accepted and is not there');
    return found;
  }
  if (!facts.keys.includes(accepted.idempotencyKey)) blame('I7', 'its idempotency key names another pipeline');
  const runs = runsOf(facts.events);
  judgeRuns({ facts, runs, workflowStates }, blame);
  for (const step of facts.steps) {
    judgeStepEvents(step, runs, blame);
    judgeDelivery(step, facts, blame);
  }
  judgeMoney(facts, blame);
  return found;
}

/** The events of each run, the one that begins it first. */
function runsOf(events: readonly PipelineEvent[]): PipelineEvent[][] {
  const runs: PipelineEvent[][] = [[]];
  for (const event of events) {
    if (event.type === RETRIED) runs.push([]);
    runs.at(-1)?.push(event);
  }
  return runs;
}

type Runs = { facts: PipelineFacts; runs: PipelineEvent[][]; workflowStates: PipelineEvidence['workflowStates'] };

function judgeRuns({ facts, runs, workflowStates }: Runs, blame: Blame): void {
  const { state, run, events, last_sequence: last, steps } = facts;
  if (events.some(({ sequence }, index) => sequence !== index + 1)) blame('I5', 'its events have a gap');
  if (events.length !== last) blame('I5', `it counts ${last} events and has ${events.length}`);
  if (runs.length !== run) blame('I5', `it is in run ${run}, its events tell of ${runs.length}`);
  for (const [index, ofRun] of runs.entries()) {
    const which = `run ${index + 1}`;
    const ends = ofRun.filter(({ type }) => endings.includes(type));
    if (ends.length !== 1) blame('I1', `${which} has ${ends.length} ends`);
    const [end] = ends;
    const after = end ? ofRun.slice(ofRun.indexOf(end) + 1) : [];
    if (after.length > 0) blame('I5', `after the end of ${which} came ${after.map(typeOf).join(', ')}`);
    const workflow = workflowStates[index];
    if (workflow !== undefined && `pipeline.${workflow}` !== end?.type)
      blame('I5', `${which} ended with ${end?.type}, its workflow is ${workflow}`);
  }
  const lastEnd = runs.at(-1)?.findLast(({ type }) => endings.includes(type));
  if (lastEnd?.type !== `pipeline.${state}`) blame('I5', `it is ${state}, its last end is ${lastEnd?.type}`);
  if ((state === 'succeeded') !== steps.every((step) => step.state === 'succeeded'))
    blame('I5', `it is ${state}, its steps are ${steps.map((step) => step.state).join(', ')}`);
}

function judgeStepEvents({ name, state }: StepFacts, runs: PipelineEvent[][], blame: Blame): void {
  let hasSucceeded = false;
  for (const [index, ofRun] of runs.entries()) {
    const ofStep = ofRun.filter(({ step }) => step === name).map(typeOf);
    if (hasSucceeded && ofStep.length > 0) blame('I11', `${name} was done, and then came ${ofStep.join(', ')}`);
    if (hasSucceeded) continue;
    const ends = ofStep.filter((type) => stepEndings.includes(type));
    if (ends.length !== 1) blame('I1', `${name} has ${ends.length} ends in run ${index + 1}`);
    else if (ofStep.at(-1) !== ends[0]) blame('I5', `after the end of ${name} came ${ofStep.at(-1)}`);
    if (ofStep.length - ends.length > 1) blame('I11', `${name} began more than once in run ${index + 1}`);
    hasSucceeded = ends.includes('step.succeeded');
  }
  const lastEnd = runs
    .flat()
    .filter((event) => event.step === name)
    .map(typeOf)
    .findLast((type) => stepEndings.includes(type));
  if (lastEnd !== `step.${state}`) blame('I5', `${name} is ${state}, its last end is ${lastEnd}`);
}

/** What a step has made is there once, and nothing is where it has made nothing. */
function judgeDelivery(step: StepFacts, facts: PipelineFacts, blame: Blame): void {
  const { name, kind, state, job_id: jobId, artifact_id: artifactId } = step;
  const jobs = facts.jobs.filter((job) => job.step === name);
  const files = facts.files.filter((file) => file.step === name);
  const isDone = state === 'succeeded';

  if (jobs.length > (isJobStep(kind) ? facts.run : 0)) blame('I11', `${name} has ${jobs.length} jobs`);
  const charged = jobs.filter((job) => job.captured_micros > 0);
  if (charged.length > 1) blame('I11', `${name} was charged ${charged.length} times`);
  const made = jobs.filter((job) => job.state === 'succeeded');
  const wanted = isDone && isJobStep(kind) ? [jobId] : [];
  if (made.map(({ id }) => id).join() !== wanted.join())
    blame('I11', `${name} is ${state}, of its jobs ${made.length} have succeeded`);
  for (const { videos } of made) if (videos.length !== 1) blame('I11', `${name} has ${videos.length} videos`);

  const keepsFile = isDone && (kind === 'frame' || kind === 'concat');
  if (files.map(({ id }) => id).join() !== (keepsFile ? [artifactId] : []).join())
    blame('I11', `${name} is ${state} and has ${files.length} files`);
  if (keepsFile && kind === 'concat') judgeLength(step, facts, blame);
}

function judgeLength({ name, sources }: StepFacts, facts: PipelineFacts, blame: Blame): void {
  const parts = sources.map((source) => secondsOf(source, facts) ?? 0);
  const wanted = parts.reduce((sum, seconds) => sum + seconds, 0);
  const found = secondsOf(name, facts) ?? 0;
  if (Math.abs(found - wanted) > SECONDS_DIFFER) blame('I4', `${name} lasts ${found} s, its sources ${wanted} s`);
}

function secondsOf(step: string, { jobs, files }: PipelineFacts): number | null | undefined {
  const job = jobs.find((one) => one.step === step && one.state === 'succeeded');
  return job ? job.videos[0]?.seconds : files.find((file) => file.step === step)?.seconds;
}

function judgeMoney({ jobs, reserve_micros: reserve, spent_micros: spent }: PipelineFacts, blame: Blame): void {
  if (reserve !== 0) blame('I3', `its reserve holds ${reserve}`);
  const captured = jobs.reduce((sum, job) => sum + job.captured_micros, 0);
  if (spent !== captured) blame('I3', `${spent} was spent of its reserve, its jobs captured ${captured}`);
}

function typeOf({ type }: PipelineEvent): string {
  return type;
}

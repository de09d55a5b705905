import { pipelineWorkflowId } from '../../contract/pipeline-plan.js';
import type { AcceptedPipeline } from '../cell.js';
import type { World } from '../world.js';
import { checkJob, untilBack } from './check-jobs.js';
import { type JobFacts, readFacts } from './facts.js';
import { type PipelineEvent, type PipelineFacts, pipelinesOfAddress, readPipelineFacts } from './pipeline-facts.js';
import { judgePipeline } from './pipelines.js';
import { checkServed, checkServedSteps } from './served.js';
import { checkTold } from './told.js';
import type { Violation } from './violation.js';
import { stateOfWorkflow } from './workflow-state.js';

/** Says what does not hold of these pipelines, of their steps, and of the jobs of these. */
export async function checkPipelines(world: World, pipelines: readonly AcceptedPipeline[]): Promise<Violation[]> {
  if (pipelines.length === 0) return [];
  const { database } = world;
  await untilBack(world);
  const facts = await readPipelineFacts(
    database,
    pipelines.map(({ id }) => id),
  );
  const found: Violation[] = [];
  for (const accepted of pipelines)
    found.push(...(await checkPipeline(world, { accepted, facts: facts.get(accepted.id) })));
  const known = [...facts.values()];
  for (const pipeline of known) found.push(...(await checkStepJobs(world, pipeline)));
  const [served, told] = await Promise.all([checkServedSteps(world, known), checkTold(world, pipelines)]);
  return [...found, ...served, ...told];
}

type Known = { accepted: AcceptedPipeline; facts: PipelineFacts | undefined };

async function checkPipeline(world: World, { accepted, facts }: Known): Promise<Violation[]> {
  const { id, idempotencyKey } = accepted;
  const twins = await pipelinesOfAddress(world.database, world.sink.urlOf(idempotencyKey));
  const runs = Array.from({ length: facts?.run ?? 0 }, (_, index) => index + 1);
  const workflowStates = await Promise.all(runs.map((run) => stateOfWorkflow(world, pipelineWorkflowId({ id, run }))));
  const [first, ...more] = judgePipeline({ accepted, facts, twins, workflowStates });
  if (!first) return [];
  return [{ ...first, what: `${first.what} | ${facts ? describeEvents(facts.events) : 'no events'}` }, ...more];
}

/** A step that ran twice has asked twice with the same words, the second time when its first job had ended. */
async function checkStepJobs(world: World, { jobs }: PipelineFacts): Promise<Violation[]> {
  const facts = await readFacts(
    world.database,
    jobs.map(({ id }) => id),
  );
  const found: Violation[] = [];
  for (const { id, step } of jobs) {
    const ofJob = facts.get(id);
    if (!ofJob) continue;
    const next = jobs.slice(jobs.findIndex((job) => job.id === id) + 1).find((job) => job.step === step);
    const calls = await callsOf(world, ofJob, next && facts.get(next.id));
    const evidence = { accepted: { id }, facts: ofJob, twins: [id], calls };
    found.push(...(await checkJob(world, { prompt: ofJob.prompt, evidence })));
  }
  return [...found, ...(await checkServed(world, [...facts.values()]))];
}

async function callsOf({ sandbox }: World, job: JobFacts, next: JobFacts | undefined) {
  const calls = await sandbox.ledger({ promptIncludes: job.prompt });
  const untilMs = next?.created_at.getTime() ?? Number.POSITIVE_INFINITY;
  return calls.filter(({ at }) => Date.parse(at) >= job.created_at.getTime() && Date.parse(at) < untilMs);
}

/** What befell a pipeline, in one line, each with its second. */
function describeEvents(events: readonly PipelineEvent[]): string {
  const startedAtMs = events[0]?.atMs ?? 0;
  return events
    .map(({ type, step, atMs }) => `+${((atMs - startedAtMs) / 1_000).toFixed(1)} s ${type}${step ? ` ${step}` : ''}`)
    .join('; ');
}

import type { AcceptedJob } from '../cell.js';
import { eventually } from '../patience.js';
import { traceOf } from '../trace.js';
import type { World } from '../world.js';
import { jobsOfPrompts, readFacts } from './facts.js';
import { type JobEvidence, judgeJob } from './jobs.js';
import { checkServed } from './served.js';
import { checkTold } from './told.js';
import type { Violation } from './violation.js';
import { stateOfWorkflow } from './workflow-state.js';

const AWAY_FOR_MS = 60_000;

/** Reads Postgres, Temporal and what the providers' stand-in saw, and says what does not hold of these jobs. */
export async function checkJobs(world: World, jobs: readonly AcceptedJob[]): Promise<Violation[]> {
  if (jobs.length === 0) return [];
  const { database, sandbox } = world;
  await untilBack(world);
  const facts = await readFacts(
    database,
    jobs.map(({ id }) => id),
  );
  const twins = await jobsOfPrompts(
    database,
    jobs.map(({ prompt }) => prompt),
  );
  const found: Violation[] = [];
  for (const accepted of jobs) {
    const { id, prompt } = accepted;
    const calls = await sandbox.ledger({ promptIncludes: prompt });
    const evidence = { accepted, facts: facts.get(id), twins: twins.get(prompt) ?? [], calls };
    found.push(...(await checkJob(world, { prompt, evidence })));
  }
  const [served, told] = await Promise.all([checkServed(world, [...facts.values()]), checkTold(world, jobs)]);
  return [...found, ...served, ...told];
}

type Known = { prompt: string; evidence: Omit<JobEvidence, 'workflowState'> };

/** What does not hold of one job; the first of it comes with the job's whole story. */
export async function checkJob(world: World, { prompt, evidence }: Known): Promise<Violation[]> {
  const { id } = evidence.accepted;
  const workflowState = await stateOfWorkflow(world, id);
  const [first, ...more] = judgeJob({ ...evidence, workflowState });
  if (!first) return [];
  return [{ ...first, what: `${first.what} | ${await traceOf(world, { id, prompt })}` }, ...more];
}

export async function untilBack({ database }: Pick<World, 'database'>): Promise<void> {
  await eventually(() => database.ping().then(() => true), { withinMs: AWAY_FOR_MS });
}

import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { checkLedger } from '../../store/ledger-check.js';
import type { AcceptedJob } from '../cell.js';
import { eventually } from '../patience.js';
import type { Checks } from '../run.js';
import { traceOf } from '../trace.js';
import type { World } from '../world.js';
import { checkConnections } from './connections.js';
import { jobsOfPrompts, readFacts } from './facts.js';
import { checkFiles } from './files.js';
import { judgeJob } from './jobs.js';
import { checkSecrets } from './secrets.js';
import { checkServed } from './served.js';
import { checkTold } from './told.js';
import type { Violation } from './violation.js';

const AWAY_FOR_MS = 60_000;
const TIDIED_WITHIN_MS = 20_000;
const WORKFLOW_ENDS_WITHIN_MS = 20_000;

/** Everything that is checked of a world; files younger than the grace may belong to a step under way. */
export function checksOf(world: World, { filesGraceMs }: { filesGraceMs: number }): Checks {
  return {
    ofJobs: (jobs) => checkJobs(world, jobs),
    ofWhole: (aJobId) => checkWhole(world, { filesGraceMs, aJobId }),
  };
}

/** Reads Postgres, Temporal and what the providers' stand-in saw, and says what does not hold of these jobs. */
async function checkJobs(world: World, jobs: readonly AcceptedJob[]): Promise<Violation[]> {
  if (jobs.length === 0) return [];
  const { database, sandbox } = world;
  await eventually(() => database.ping().then(() => true), { withinMs: AWAY_FOR_MS });
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
    const workflowState = await stateOfWorkflow(world, id);
    const ofJob = judgeJob({ accepted, facts: facts.get(id), twins: twins.get(prompt) ?? [], calls, workflowState });
    const [first, ...more] = ofJob;
    if (first) found.push({ ...first, what: `${first.what} | ${await traceOf(world, accepted)}` }, ...more);
  }
  const [served, told] = await Promise.all([checkServed(world, [...facts.values()]), checkTold(world, jobs)]);
  return [...found, ...served, ...told];
}

/** What does not hold of the whole: the ledger, the files, the logs and histories. */
async function checkWhole(world: World, { filesGraceMs, aJobId }: { filesGraceMs: number; aJobId?: string }) {
  const { database, artifactsDir, clipsDir, canaries } = world;
  const money = await checkLedger(database);
  await tidy(world, filesGraceMs);
  const checkAll = () => checkFiles({ database, artifactsDir, clipsDir, graceMs: filesGraceMs });
  const isTidy = async () => ((await checkAll()).length === 0 ? true : undefined);
  const files = (await eventually(isTidy, { withinMs: TIDIED_WITHIN_MS, everyMs: 1_000 })) ? [] : await checkAll();
  const secrets = checkSecrets({ home: world.stack().home, canaries, jobId: aJobId });
  const unbalanced = money.map(
    ({ rule, jobId, attempt, account, expectedMicros, foundMicros }): Violation => ({
      invariant: 'I3',
      jobId,
      what: `${rule}${account ? ` of ${account}` : ''}${attempt ? `, attempt ${attempt}` : ''}: ${foundMicros}, not ${expectedMicros}`,
    }),
  );
  const connections = checkConnections({ home: world.stack().home, openPorts: world.openPorts });
  return [...unbalanced, ...files, ...secrets, ...connections];
}

/** What dead processes left half-written is removed when a worker starts and has become old enough. */
async function tidy(world: World, graceMs: number): Promise<void> {
  await pause(graceMs);
  const before = world.stack().pidOf('worker');
  process.kill(before, 'SIGKILL');
  await eventually(() => world.stack().pidOf('worker') !== before || undefined, { withinMs: AWAY_FOR_MS });
}

/** The end that the workflow gave; undefined where there is none. */
async function stateOfWorkflow({ temporal }: World, jobId: string): Promise<string | undefined> {
  const answer = await eventually(
    async () => {
      const handle = temporal.workflow.getHandle(jobId);
      try {
        const { status } = await handle.describe();
        // It ends a moment after the row does.
        if (status.name === 'RUNNING') return undefined;
        return { state: status.name === 'COMPLETED' ? stateOf(await handle.result()) : status.name };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { state: undefined };
        throw error;
      }
    },
    { withinMs: WORKFLOW_ENDS_WITHIN_MS },
  );
  return answer ? answer.state : 'still running';
}

function stateOf(ending: unknown): string {
  return typeof ending === 'object' && ending !== null && 'state' in ending ? String(ending.state) : 'no ending';
}

import type { AcceptedJob, Cell, Episode, EpisodeResult } from '../cell.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';

const JOBS = 20;
const EQUAL_JOBS = 5;
const request = { model: 'sora-2', seconds: 4 };

/** Answers that are lost many at a time, at a provider that lists what it took. */
export const lostCells: Cell[] = [
  { name: `list/${JOBS} answers lost at once`, isAlone: false, run: loseMany },
  { name: `list/answers of ${EQUAL_JOBS} equal jobs lost`, isAlone: false, run: loseEqual },
];

const found: Expected = { status: 'succeeded', provider: 'openai-compatible', attempts: 1, accepted: 1 };

async function loseMany(world: World, { mark }: Episode): Promise<EpisodeResult> {
  await loseAnswers(world, { mark: `${mark}-lost-`, times: JOBS });
  const jobs = await Promise.all(
    Array.from({ length: JOBS }, (_, index) => {
      const ofJob = `${mark}-lost-${index}-`;
      return world.caller.create({
        prompt: world.promptOf(ofJob),
        idempotencyKey: `key of ${ofJob}`,
        more: request,
      });
    }),
  );
  const judged = await Promise.all(jobs.map((job) => judgeEnding(world, job, [found])));
  const calls = await world.sandbox.ledger({ promptIncludes: `${mark}-lost-`, call: 'submit' });
  const fired = calls.filter(({ fault }) => fault === 'accept_then_drop').length === JOBS;
  return { fired, recoveredMs: null, jobs, violations: judged.flat() };
}

const tasksStatement = {
  name: 'tasks_of_jobs',
  text: `select distinct task->>'id' as id from attempts where job_id = any($1) and task is not null`,
};

/** Nothing tells their tasks apart, so it must not matter which job gets which. */
async function loseEqual(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const prompt = world.promptOf(mark);
  await loseAnswers(world, { mark, times: EQUAL_JOBS });
  const jobs: AcceptedJob[] = await Promise.all(
    Array.from({ length: EQUAL_JOBS }, (_, index) =>
      world.caller.create({ prompt, idempotencyKey: `key of ${mark} ${index}`, more: request }),
    ),
  );
  const each: Expected = { ...found, accepted: EQUAL_JOBS };
  const judged = await Promise.all(jobs.map((job) => judgeEnding(world, job, [each])));
  const tasks = await world.database.run(tasksStatement, [jobs.map(({ id }) => id)]);
  const violations = judged.flat();
  if (tasks.length !== EQUAL_JOBS) violations.push(`${EQUAL_JOBS} equal jobs were given ${tasks.length} tasks`);
  const calls = await world.sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
  const fired = calls.filter(({ fault }) => fault === 'accept_then_drop').length === EQUAL_JOBS;
  // By its prompt no job of them can be told from the others, so what is checked of single jobs does not fit them.
  return { fired, recoveredMs: null, jobs: [], violations };
}

function loseAnswers({ sandbox }: World, { mark, times }: { mark: string; times: number }) {
  const fault = 'accept_then_drop';
  return sandbox.script({ account: 'openai', call: 'submit', fault, promptIncludes: mark, times });
}

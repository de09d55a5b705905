import type { StepKind, StepState } from '../../contract/pipeline.js';
import type { JobPhase } from '../../contract/states.js';
import type { AcceptedPipeline } from '../cell.js';
import { eventually } from '../patience.js';
import { createPipelineCaller, type PipelineView } from '../pipeline-caller.js';
import type { World } from '../world.js';

const ENDED_WITHIN_MS = 240_000;
const SEEN_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 5;
const APPROVAL_SECONDS = 600;
/** Runs that a caller is patient enough for. */
const MOST_RUNS = 10;

/** The cheapest steps there are, each with words by which its calls and its jobs are found. */
export function filmOf({ promptOf }: Pick<World, 'promptOf'>, mark: string) {
  const prompt = (name: string) => promptOf(`${mark}-step-${name}-`);
  const job = (name: string, kind: StepKind, more: object) => ({
    name,
    kind,
    model: 'sora',
    prompt: prompt(name),
    wait_seconds: 0,
    poll_interval_seconds: 1,
    ...more,
  });
  return {
    /** Of the step of this name. */
    prompt,
    shot: (name: string) => job(name, 'text_to_video', { seconds: 1, size: '1280x720' }),
    animation: (name: string, source: string) => job(name, 'image_to_video', { source, seconds: 1 }),
    extension: (name: string, source: string) => job(name, 'extend', { source, seconds: 1 }),
    remix: (name: string, source: string) => job(name, 'remix', { source }),
    still: (name: string, source: string) => ({ name, kind: 'frame', source, at: 'last' }),
    joined: (name: string, sources: string[]) => ({ name, kind: 'concat', sources }),
    approval: (name: string, source: string) => ({
      name,
      kind: 'approval',
      source,
      message: prompt(name),
      deadline_seconds: APPROVAL_SECONDS,
    }),
  };
}

export type Film = ReturnType<typeof filmOf>;

export type StepNow = { state: StepState; jobId: string | null; phase: JobPhase | null };

const stepStatement = {
  name: 'step_now',
  text: `select step.state, step.job_id as "jobId", jobs.phase from pipeline_steps step left join jobs on jobs.id = step.job_id
    where step.pipeline_id = $1 and step.name = $2`,
};

type OfStep = { id: string; step: string };

export async function stepNow({ database }: Pick<World, 'database'>, { id, step }: OfStep): Promise<StepNow> {
  const [row] = await database.run<StepNow>(stepStatement, [id, step]);
  if (!row) throw new Error(`${id} has no step ${step}`);
  return row;
}

/** The step as soon as it is like this; undefined when it is not in time. */
export function untilStep(
  world: Pick<World, 'database'>,
  { as: isIt, ...step }: OfStep & { as: (step: StepNow) => boolean },
): Promise<StepNow | undefined> {
  const look = async () => {
    const now = await stepNow(world, step);
    return isIt(now) ? now : undefined;
  };
  return eventually(look, { withinMs: SEEN_WITHIN_MS, everyMs: LOOK_EVERY_MS });
}

export function isAtWork({ state }: Pick<StepNow, 'state'>): boolean {
  return state === 'running' || state === 'waiting_approval';
}

type Expected = {
  status: PipelineView['status'];
  /** With what a run may fail before, to be run again. Nothing can, unless it is named. */
  mayFailWith?: readonly string[];
};

/** What nobody can tell of where a process dies between a submit and its record. */
export const honestly = ['submission_unknown'];

/** Waits for the end of a pipeline as a patient caller does, who runs again what has failed, and says what is wrong with it. */
export async function judgeFilm(
  world: World,
  { id }: AcceptedPipeline,
  { status, mayFailWith = [] }: Expected,
): Promise<string[]> {
  const caller = createPipelineCaller(world);
  for (let run = 1; ; run += 1) {
    const ended = await caller.ended(id, ENDED_WITHIN_MS);
    if (!ended) return [`${id} has not ended within ${ENDED_WITHIN_MS / 1_000} s`];
    if (ended.status === status) return [];
    const { code = 'no code', step = 'no step' } = ended.error ?? {};
    const isBorne = ended.status === 'failed' && mayFailWith.includes(code) && run < MOST_RUNS;
    if (!isBorne) return [`${id} is ${ended.status} in run ${run}, for ${code} of ${step}, expected was ${status}`];
    if (!(await caller.retry(id))) return [`${id} could not be run again after ${code} of ${step}`];
  }
}

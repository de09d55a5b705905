import type { LedgerEntry } from '../../sandbox/ledger.js';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { createPipelineCaller } from '../pipeline-caller.js';
import type { SandboxScript } from '../sandbox-control.js';
import type { World } from '../world.js';
import { type Film, filmOf, honestly, judgeFilm } from './film.js';

const STEPS = 30;
const SHARE = 0.2;
/** Far fewer than chance brings to a chain of this length. */
const ENOUGH_FAULTS = 8;
const TWO_TO_31 = 2 ** 31;

const calls = ['submit', 'look', 'download'] as const;
type Fault = Pick<SandboxScript, 'fault' | 'reason' | 'retryAfterSeconds'>;

/** What providers do wrong at each call, as often each as the others. */
const faults: Record<(typeof calls)[number], Fault[]> = {
  submit: [
    { fault: 'fail_after_accept' },
    { fault: 'rate_limit', retryAfterSeconds: 1 },
    { fault: 'refuse', reason: 'balance' },
    { fault: 'server_error' },
  ],
  look: [{ fault: 'server_error' }, { fault: 'drop' }],
  download: [{ fault: 'server_error' }, { fault: 'truncate' }],
};
/** What becomes of a step whose tries are used up, or of whose submit nobody can tell. */
const mayFailWith = [...honestly, 'provider_unavailable', 'generation_failed', 'result_unavailable'];

export const pipelineFailureCells: Cell[] = [
  { name: `pipeline/${STEPS} steps, ${SHARE * 100} % failures`, isAlone: false, isSlow: true, run: failOften },
];

async function failOften(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const { sandbox } = world;
  const promptIncludes = world.promptOf(mark);
  for (const call of calls) {
    for (const [index, fault] of faults[call].entries()) {
      const share = shareOf({ index, of: faults[call].length });
      const seed = Math.floor(random.next() * TWO_TO_31);
      await sandbox.script({ call, ...fault, promptIncludes, times: null, share, seed });
    }
  }
  const pipeline = await createPipelineCaller(world).create({
    idempotencyKey: `key of ${mark}`,
    steps: chainOf(filmOf(world, mark)),
  });
  const violations = await judgeFilm(world, pipeline, { status: 'succeeded', mayFailWith });
  const fired = areMet(await sandbox.ledger({ promptIncludes }));
  return { fired, recoveredMs: null, jobs: [], pipelines: [pipeline], violations };
}

/** Who comes later is asked only when the earlier ones have spared a call, and all together are to have their share of all calls. */
function shareOf({ index, of: count }: { index: number; of: number }): number {
  const part = SHARE / count;
  return part / (1 - index * part);
}

/** From a shot through every kind that is no person's, each step made of the one before, to a film of both ends. */
function chainOf({ shot, extension, remix, still, animation, joined }: Film): object[] {
  const between = Array.from({ length: STEPS - 3 }, (_, index) => {
    const number = index + 3;
    const [name, source] = [`step-${number}`, `step-${number - 1}`] as const;
    if (number % 5 === 0) return still(name, source);
    return number % 5 === 1 ? animation(name, source) : remix(name, source);
  });
  const last = joined(`step-${STEPS}`, ['step-1', `step-${STEPS - 1}`]);
  return [shot('step-1'), extension('step-2', 'step-1'), ...between, last];
}

function areMet(entries: readonly LedgerEntry[]): boolean {
  const met = entries.filter(({ fault }) => fault !== undefined);
  return calls.every((call) => met.some((entry) => entry.call === call)) && met.length >= ENOUGH_FAULTS;
}

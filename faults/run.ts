import { times } from '../bench/support/load.js';
import { createRandom, type Random } from '../runtime/random.js';
import {
  type AcceptedJob,
  type AcceptedPipeline,
  type Cell,
  type Episode,
  type EpisodeResult,
  WorldLost,
} from './cell.js';
import type { Violation } from './invariants/violation.js';

export type CellReport = {
  cell: string;
  episodes: number;
  fired: number;
  violations: string[];
  recoveredMs: number[];
};
export type RunReport = {
  seed: number;
  cells: CellReport[];
  /** Cells that could not run here, and why. */
  skipped: { cell: string; why: string }[];
  /** What does not hold of the whole, at the end. */
  violations: Violation[];
};

type Run<Place> = {
  world: Place;
  cells: readonly Cell<Place>[];
  seed: number;
  /** Each cell has one at least. */
  episodes: number;
  /** Episodes that touch only their own jobs run together, so many at once. */
  together?: number;
  checks: Checks;
  say: (text: string) => void;
};
/** What reads the invariants: of the jobs and pipelines of an episode, and of the whole at the end. */
export type Checks = {
  ofJobs(jobs: readonly AcceptedJob[]): Promise<Violation[]>;
  ofPipelines(pipelines: readonly AcceptedPipeline[]): Promise<Violation[]>;
  /** `anId` is of a job or a pipeline that was seen. */
  ofWhole(anId: string | undefined): Promise<Violation[]>;
};
type Planned<Place> = { cell: Cell<Place>; episode: Episode };

const TOGETHER = 16;

export async function runEpisodes<Place>(run: Run<Place>): Promise<RunReport> {
  const { world, cells, seed, episodes, together = TOGETHER, checks, say } = run;
  const random = createRandom(seed);
  const skipped: RunReport['skipped'] = [];
  const runnable = cells.filter((cell) => {
    const why = cell.whyNot?.(world);
    if (why) skipped.push({ cell: cell.name, why });
    return !why;
  });
  const reports = new Map<string, CellReport>();
  let anId: string | undefined;
  let done = 0;

  const planned = dealEpisodes({ cells: runnable, seed, episodes, random });
  const alone = planned.filter(({ cell }) => cell.isAlone);
  // Those that take long begin first, so that nobody has to wait for them at the end.
  const sociable = planned
    .filter(({ cell }) => !cell.isAlone)
    .toSorted(({ cell: one }, { cell: other }) => rank(one) - rank(other));
  await times(sociable.length, together, (index) => play(sociable[index]));
  for (const each of alone) await play(each);
  return { seed, cells: [...reports.values()], skipped, violations: await checks.ofWhole(anId) };

  async function play(each: Planned<Place> | undefined): Promise<void> {
    if (!each) return;
    const result = await runOne(world, each);
    // The last one: what Temporal has of earlier ones may be lost on purpose.
    const { jobs, pipelines = [] } = result;
    anId = [...jobs, ...pipelines].at(-1)?.id ?? anId;
    const broken = [...(await checks.ofJobs(jobs)), ...(await checks.ofPipelines(pipelines))];
    const found = [...result.violations, ...broken.map(describe)];
    note(reports, each.cell, { ...result, violations: found });
    done += 1;
    say(`${done}/${planned.length} ${each.cell.name}${result.fired ? '' : ' — NOT FIRED'}`);
    for (const what of found) say(`  ${what}`);
  }
}

const rank = ({ isSlow = false }: { isSlow?: boolean }) => (isSlow ? 0 : 1);

function describe({ invariant, subject, what }: Violation): string {
  return `${invariant} ${subject ?? ''}: ${what}`;
}

type Deal<Place> = { cells: Cell<Place>[]; seed: number; episodes: number; random: Random };

/** Every cell once, in an order of chance, and again until there are enough. */
function dealEpisodes<Place>({ cells, seed, episodes, random }: Deal<Place>): Planned<Place>[] {
  const planned: Planned<Place>[] = [];
  for (let round = 1; planned.length < episodes; round += 1) {
    const open = cells.filter(({ most = Number.POSITIVE_INFINITY }) => round <= most);
    if (open.length === 0) break;
    for (const cell of random.shuffled(open)) {
      if (round > 1 && planned.length >= episodes) break;
      const number = planned.length + 1;
      const mark = `${seed}-${number}-${cell.name.replaceAll(/\W+/g, '-')}`;
      planned.push({ cell, episode: { mark, random: createRandom(seed * 100_003 + number) } });
    }
  }
  return planned;
}

async function runOne<Place>(world: Place, { cell, episode }: Planned<Place>): Promise<EpisodeResult> {
  try {
    return await cell.run(world, episode);
  } catch (error) {
    if (error instanceof WorldLost) throw error;
    const what = error instanceof Error ? error.message : String(error);
    return { fired: false, recoveredMs: null, jobs: [], violations: [`the episode broke off: ${what}`] };
  }
}

function note(reports: Map<string, CellReport>, { name }: { name: string }, result: EpisodeResult): void {
  const report = reports.get(name) ?? { cell: name, episodes: 0, fired: 0, violations: [], recoveredMs: [] };
  reports.set(name, report);
  report.episodes += 1;
  if (result.fired) report.fired += 1;
  if (result.recoveredMs !== null) report.recoveredMs.push(result.recoveredMs);
  report.violations.push(...result.violations);
}

/** Whether everything that was planned happened, and nothing went wrong. */
export function isGood({ cells, violations }: RunReport): boolean {
  return violations.length === 0 && cells.every((cell) => cell.fired === cell.episodes && cell.violations.length === 0);
}

import type { Cell, Episode, EpisodeResult } from '../cell.js';
import type { SandboxScript } from '../sandbox-control.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';

/** What a provider is told to do wrong to one job, and how the job may end. */
export type Misdeed = {
  scripts: Omit<SandboxScript, 'promptIncludes'>[];
  expected: Expected[];
  /** Of the job. */
  request?: Record<string, unknown>;
  /** Scripts that chance, or a look that never comes, may leave out. */
  mayStayUnmet?: boolean;
};

export function scriptedCell(name: string, misdeed: Misdeed): Cell {
  const isSlow = misdeed.scripts.some(isEndless);
  return { name, isAlone: false, isSlow, run: (world, episode) => play(world, episode, misdeed) };
}

/** What never gets better must be given up. */
const isEndless = ({ call, fault, times, looks, seconds }: Misdeed['scripts'][number]) =>
  times === null ||
  (call === 'submit' && /^(stall|succeed_without_url)$/.test(fault) && !looks) ||
  seconds !== undefined;

async function play(world: World, { mark }: Episode, misdeed: Misdeed): Promise<EpisodeResult> {
  const { caller, sandbox } = world;
  const prompt = world.promptOf(mark);
  for (const script of misdeed.scripts) await sandbox.script({ ...script, promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}`, more: misdeed.request ?? {} });
  const violations = await judgeEnding(world, job, misdeed.expected);
  const calls = await sandbox.ledger({ promptIncludes: prompt });
  const hasMet = ({ call, fault, account }: Misdeed['scripts'][number]) =>
    calls.some((entry) => entry.call === call && entry.fault === fault && entry.account === (account ?? entry.account));
  const fired = misdeed.mayStayUnmet ? misdeed.scripts.some(hasMet) : misdeed.scripts.every(hasMet);
  return { fired, recoveredMs: null, jobs: [job], violations };
}

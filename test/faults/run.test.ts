import { describe, expect, it } from '@jest/globals';
import { type Cell, type EpisodeResult, WorldLost } from '../../faults/cell.js';
import type { Violation } from '../../faults/invariants/violation.js';
import { isGood, runEpisodes } from '../../faults/run.js';

const went: EpisodeResult = { fired: true, recoveredMs: null, jobs: [], violations: [] };
const aJob = (id: string) => ({ id, idempotencyKey: id, prompt: id });

const aCell = (
  name: string,
  result: Partial<EpisodeResult> = {},
  more: Partial<Cell<undefined>> = {},
): Cell<undefined> => ({
  name,
  isAlone: false,
  run: async () => ({ ...went, ...result }),
  ...more,
});

type Given = {
  cells: Cell<undefined>[];
  episodes?: number;
  seed?: number;
  ofJobs?: Violation[];
  ofPipelines?: Violation[];
  ofWhole?: Violation[];
};

const run = ({ cells, episodes = 1, seed = 1, ofJobs = [], ofPipelines = [], ofWhole = [] }: Given) =>
  runEpisodes({
    world: undefined,
    cells,
    seed,
    episodes,
    checks: {
      ofJobs: async (jobs) => ofJobs.filter(({ subject }) => jobs.some(({ id }) => id === subject)),
      ofPipelines: async (pipelines) => ofPipelines.filter(({ subject }) => pipelines.some(({ id }) => id === subject)),
      ofWhole: async () => ofWhole,
    },
    say: () => {},
  });

describe('a run of faults', () => {
  it('is good when every fault fired and everything holds', async () => {
    expect(isGood(await run({ cells: [aCell('a'), aCell('b', {}, { isAlone: true })] }))).toBe(true);
  });

  it('is not good when a planned fault did not fire', async () => {
    const report = await run({ cells: [aCell('a'), aCell('b', { fired: false })] });
    expect(report.cells).toMatchObject([{ episodes: 1 }, { episodes: 1 }]);
    expect(isGood(report)).toBe(false);
  });

  it('is not good when an episode, an invariant of its job, or one of the whole is broken', async () => {
    expect(isGood(await run({ cells: [aCell('a', { violations: ['wrong'] })] }))).toBe(false);
    const ofWhole: Violation[] = [{ invariant: 'I4', subject: null, what: 'a file without a row' }];
    expect(isGood(await run({ cells: [aCell('a')], ofWhole }))).toBe(false);
    const ofJobs: Violation[] = [{ invariant: 'I2', subject: 'job_b', what: 'bought twice' }];
    const report = await run({
      cells: [aCell('a', { jobs: [aJob('job_a')] }), aCell('b', { jobs: [aJob('job_b')] })],
      ofJobs,
    });
    const blamed = report.cells.filter(({ violations }) => violations.length > 0);
    expect(blamed).toMatchObject([{ cell: 'b', violations: ['I2 job_b: bought twice'] }]);
  });

  it('is not good when an invariant of a pipeline is broken', async () => {
    const pipelines = [{ id: 'pipe_a', idempotencyKey: 'key-a' }];
    const ofPipelines: Violation[] = [{ invariant: 'I11', subject: 'pipe_a', what: 'paid twice' }];
    const report = await run({ cells: [aCell('a', { pipelines }), aCell('b')], ofPipelines });
    expect(isGood(report)).toBe(false);
    expect(report.cells.flatMap(({ violations }) => violations)).toEqual(['I11 pipe_a: paid twice']);
  });

  it('goes on when an episode breaks off, and says so', async () => {
    const broken = aCell('a', {}, { run: () => Promise.reject(new Error('the line is cut')) });
    const report = await run({ cells: [broken, aCell('b')] });
    expect(isGood(report)).toBe(false);
    expect(report.cells.flatMap(({ violations }) => violations)).toEqual(['the episode broke off: the line is cut']);
  });

  it('ends at once when there is nothing left to break', async () => {
    const lost = aCell('a', {}, { run: () => Promise.reject(new WorldLost('the stack is gone')), isAlone: true });
    let played = 0;
    const play = async () => {
      played += 1;
      return went;
    };
    await expect(run({ cells: [lost], episodes: 3 })).rejects.toThrow('the stack is gone');
    await expect(run({ cells: [lost, aCell('b', {}, { run: play, isAlone: true })], episodes: 9 })).rejects.toThrow();
    expect(played).toBeLessThan(2);
  });

  it('names the cells that cannot run here, and is good without them', async () => {
    const report = await run({ cells: [aCell('a'), aCell('b', { fired: false }, { whyNot: () => 'needs wings' })] });
    expect(report.skipped).toEqual([{ cell: 'b', why: 'needs wings' }]);
    expect(isGood(report)).toBe(true);
  });

  it('begins with what takes long, and plays alone what bears no company', async () => {
    const now = { playing: 0, names: [] as string[], beside: new Map<string, number>() };
    const watched = (name: string, more: Partial<Cell<undefined>> = {}) => {
      const play = async () => {
        now.names.push(name);
        now.playing += 1;
        await new Promise((resolve) => setImmediate(resolve));
        now.beside.set(name, now.playing - 1);
        now.playing -= 1;
        return went;
      };
      return aCell(name, {}, { run: play, ...more });
    };
    const quick = ['a', 'b', 'c', 'd'].map((name) => watched(name));
    await run({ cells: [watched('alone', { isAlone: true }), ...quick, watched('slow', { isSlow: true })] });
    expect([now.names[0], now.names.at(-1)]).toEqual(['slow', 'alone']);
    expect(now.beside.get('alone')).toBe(0);
    expect(Math.max(...now.beside.values())).toBeGreaterThan(1);
  });

  it('deals each cell one episode at least and no more than it takes, the same for the same seed', async () => {
    const orderOf = async (seed: number) => {
      const order: string[] = [];
      const noted = (name: string, most?: number) =>
        aCell(
          name,
          {},
          {
            isAlone: true,
            ...(most && { most }),
            run: async (_, { random }) => {
              order.push(`${name} ${random.next()}`);
              return went;
            },
          },
        );
      await run({ cells: ['a', 'b', 'c'].map((name) => noted(name, name === 'c' ? 1 : undefined)), episodes: 9, seed });
      return order;
    };
    const first = await orderOf(7);
    expect(
      first
        .map((text) => text[0] ?? '')
        .toSorted((left, right) => left.localeCompare(right))
        .join(''),
    ).toBe('aaaabbbbc');
    expect(await orderOf(7)).toEqual(first);
    expect(await orderOf(8)).not.toEqual(first);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findProjectRoot } from '../runtime/root.js';
import { allCells } from './cells/all.js';
import { checksOf } from './invariants/check.js';
import { describeRun, printReport } from './report.js';
import { isGood, runEpisodes } from './run.js';
import { warmUp } from './warm-up.js';
import { startWorld } from './world.js';

/** `npm run faults -- [--seed N] [--episodes N] [--only PATTERN] [--list]`: breaks the real stack on purpose and checks what must hold. */
const START = '<!-- run -->';
const END = '<!-- /run -->';
/** Twice the time that a download may take: what lies there longer belongs to nobody. */
const FILES_GRACE_MS = 20_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    episodes: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    list: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const only = new RegExp(values.only);
const cells = allCells.filter(({ name }) => only.test(name));
if (values.list) process.stdout.write(`${cells.map(({ name }) => name).join('\n')}\n`);
else await run();

async function run(): Promise<void> {
  const startedAt = new Date();
  const say = (text: string) => void process.stderr.write(`${new Date().toISOString()} ${text}\n`);
  say(`seed ${seed}, ${cells.length} cells`);
  const world = await startWorld();
  let isEnding = false;
  const stop = () => {
    if (isEnding) return;
    isEnding = true;
    void world.close().then(() => process.exit(1));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  // Callers that an episode left behind when it broke off.
  process.on('unhandledRejection', (error) => say(`left behind: ${String(error)}`));
  try {
    await warmUp(world);
    const report = await runEpisodes({
      world,
      cells,
      seed,
      episodes: Number(values.episodes),
      say,
      checks: checksOf(world, { filesGraceMs: FILES_GRACE_MS }),
    });
    printReport(report);
    if (!values.only)
      keep(
        describeRun(report, { command: `npm run faults -- --seed ${seed} --episodes ${values.episodes}`, startedAt }),
      );
    process.exitCode = isGood(report) ? 0 : 1;
  } finally {
    if (!isEnding) await world.close();
  }
  // An episode that broke off may have left callers behind who would go on for minutes.
  process.exit();
}

/** Puts the run where the last one stood. */
function keep(text: string): void {
  const file = join(findProjectRoot(), 'docs', 'reliability.md');
  const page = readFileSync(file, 'utf8');
  const [before = ''] = page.split(START);
  const [, after = ''] = page.split(END);
  writeFileSync(file, `${before}${START}\n${text}\n${END}${after}`);
}

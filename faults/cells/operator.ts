import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { findProjectRoot } from '../../runtime/root.js';
import { createCaller } from '../caller.js';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import { judgeEnding } from './outcome.js';

const HELD_WITHIN_MS = 60_000;
const run = promisify(execFile);
const keySchema = z.object({ secret: z.string() });
const jobSchema = z.object({
  status: z.string(),
  phase: z.string().nullable(),
  cost: z.object({ held: z.string(), captured: z.string().nullable() }),
});
const attemptsSchema = z.object({ data: z.array(z.object({ state: z.string(), charged: z.string() })) });

/** A lost answer as people see it: who decides on the command line, and who waits for the job. */
export const operatorCells: Cell[] = [
  { name: 'policy/hold/the operator says accepted, by npm run admin', isAlone: false, run: decide },
  { name: 'policy/fail/as its caller sees it', isAlone: false, run: watch },
];

async function decide(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { sandbox, stack, sink, canaries } = world;
  const admin = async (...words: string[]) => {
    const main = join(findProjectRoot(), 'dist', 'cli', 'main.js');
    const env = { ...process.env, NODE_OPTIONS: '', REELAY_HOME: stack().home };
    return (await run(process.execPath, [main, '--json', ...words], { env })).stdout;
  };
  await admin('workspace', 'create', mark);
  await admin('workspace', 'set', mark, '--unknown-policy', 'hold');
  await admin('topup', mark, '1');
  const { secret: apiKey } = keySchema.parse(JSON.parse(await admin('key', 'create', mark)));
  canaries.push(apiKey);
  const caller = createCaller(() => ({ ...stack(), apiKey }), { addressFor: sink.urlOf });
  const prompt = world.promptOf(mark);
  await sandbox.script({ call: 'submit', fault: 'accept_then_drop', promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}` });
  const isListed = async () => (await admin('job', 'list', '--unknown')).includes(job.id) || undefined;
  const listed = await eventually(isListed, { withinMs: HELD_WITHIN_MS });
  const [submit] = await sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
  await admin('job', 'resolve', job.id, '--accepted', submit?.taskId ?? '');
  const expected = [{ status: 'succeeded', attempts: 1, accepted: 1 } as const];
  const violations = await judgeEnding({ ...world, caller }, job, expected);
  return { fired: listed === true, recoveredMs: null, jobs: [job], violations };
}

/** While nobody knows, the job runs and its hold is kept; then it says so, the hold is given back, and what it may cost stays written. */
async function watch(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { caller, sandbox } = world;
  const prompt = world.promptOf(mark);
  await sandbox.script({ call: 'submit', fault: 'accept_then_drop', promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}` });
  const path = `/api/v1/videos/jobs/${job.id}`;
  const read = async (of: string): Promise<unknown> => (await caller.send('GET', of)).json();
  const look = async () => {
    const { status, phase, cost } = jobSchema.parse(await read(path));
    return phase === 'reconciling' ? { status, ...cost } : undefined;
  };
  const seen = await eventually(look, { withinMs: HELD_WITHIN_MS, everyMs: 20 });
  const violations = await judgeEnding(world, job, [{ status: 'failed', code: 'submission_unknown', attempts: 1 }]);
  const { cost } = jobSchema.parse(await read(path));
  const { data } = attemptsSchema.parse(await read(`${path}/attempts`));
  const told = JSON.stringify({ seen, cost, data: data.map(({ state, charged }) => ({ state, charged })) });
  const wanted = JSON.stringify({
    seen: { status: 'running', held: '0.100000', captured: null },
    cost: { held: '0.000000', captured: '0.000000' },
    data: [{ state: 'unknown', charged: 'possibly' }],
  });
  if (told !== wanted) violations.push(`its caller saw ${told}, not ${wanted}`);
  return { fired: seen !== undefined, recoveredMs: null, jobs: [job], violations };
}

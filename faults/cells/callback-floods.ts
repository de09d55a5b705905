import { createHmac, randomBytes } from 'node:crypto';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import { createMany, judgeMany, untilRunning } from './load.js';
import { judgeEnding } from './outcome.js';

const REPEATS = 1_000;
const AT_ONCE = 16;
/** One for each callback that says something new. */
const MOST_WAKES = 2;
const MADE_WITHIN_MS = 30_000;
/** More than are kept waiting for their refusal. */
const FLOODERS = 800;
const FLOOD_MS = 10_000;
const JOBS = 20;
const ENDED_WITHIN_MS = 180_000;
/** Stands for no answer at all. */
const CUT_OFF = 0;

export const callbackFloodCells: Cell[] = [
  { name: `callback/the same one ${REPEATS} times`, isAlone: false, run: repeat },
  { name: `callback/flood of ${FLOODERS} senders`, isAlone: true, most: 2, run: flood },
];

const wakesStatement = {
  name: 'wakes_of_job',
  text: `select sum(callback_wakes_wanted)::integer as wakes, sum(callback_count)::integer as callbacks from attempts where job_id = $1`,
};

async function repeat(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { caller, sandbox, database } = world;
  const prompt = world.promptOf(mark);
  await sandbox.script({ account: 'openai', call: 'submit', fault: 'stall', seconds: 8, promptIncludes: prompt });
  const more = { model: 'sora-2', seconds: 4 };
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}`, more });
  const madeTask = async () => (await sandbox.ledger({ promptIncludes: prompt, call: 'submit' }))[0]?.taskId;
  const taskId = await eventually(madeTask, { withinMs: MADE_WITHIN_MS });
  const { url, secret } = world.callbacks();
  const request = signed(secret, JSON.stringify({ object: 'event', type: 'video.completed', data: { id: taskId } }));
  const isOver = (sent: number) => sent >= REPEATS;
  const statuses = await post({ atOnce: AT_ONCE, isOver, next: () => ({ url, request }) });

  const violations = await judgeEnding(world, job, [{ status: 'succeeded', attempts: 1, accepted: 1 }]);
  const [row] = await database.run<{ wakes: number; callbacks: number }>(wakesStatement, [job.id]);
  if ((row?.wakes ?? 0) > MOST_WAKES) violations.push(`the job was woken ${row?.wakes} times`);
  const isOdd = (status: number) => ![200, 429].includes(status);
  const odd = [...statuses.keys()].filter(isOdd);
  if (odd.length > 0) violations.push(`a repetition was answered ${odd.join(', ')}`);
  const fired = (statuses.get(200) ?? 0) > 0 && (row?.callbacks ?? 0) > 1;
  return { fired, recoveredMs: null, jobs: [job], violations };
}

/** Strangers, as fast as they can, while jobs are made and looked at. */
async function flood(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: JOBS, atOnce: 4, everyMs: 100, lastSeconds: 3 });
  await untilRunning(world, mark, 2);
  const startedAtMs = performance.now();
  const { apiUrl } = world.stack();
  const statuses = await post({
    atOnce: FLOODERS,
    isOver: () => performance.now() - startedAtMs > FLOOD_MS,
    next: () => ({
      url: `${apiUrl}/callbacks/pixazo/${randomBytes(24).toString('base64url')}`,
      request: { body: '{"status":"COMPLETED"}', headers: { 'content-type': 'application/json' } },
    }),
  });
  const jobs = await creating;
  const violations = await judgeMany(world, jobs, { withinMs: ENDED_WITHIN_MS, mayEndAs: ['succeeded'] });
  const odd = [...statuses.keys()].filter((status) => ![CUT_OFF, 404, 429].includes(status));
  if (odd.length > 0) violations.push(`a stranger was answered ${odd.join(', ')}`);
  const fired = (statuses.get(429) ?? 0) > 0;
  return { fired, recoveredMs: performance.now() - startedAtMs, jobs, violations };
}

type Sent = { url: string; request: { body: string; headers: Record<string, string> } };

type Posting = { atOnce: number; isOver: (sent: number) => boolean; next: () => Sent };

/** How often each status was answered. */
async function post({ atOnce, isOver, next }: Posting): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let sent = 0;
  const lane = async () => {
    while (!isOver(sent)) {
      sent += 1;
      const { url, request } = next();
      const response = await fetch(url, { method: 'POST', ...request }).catch(() => undefined);
      await response?.body?.cancel();
      const status = response?.status ?? CUT_OFF;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return statuses;
}

function signed(secret: string, body: string): Sent['request'] {
  const id = `evt_${randomBytes(12).toString('hex')}`;
  const seconds = String(Math.floor(Date.now() / 1_000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  const headers = { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` };
  return { body, headers: { ...headers, 'content-type': 'application/json' } };
}

import { setTimeout as pause } from 'node:timers/promises';
import { times } from '../../bench/support/load.js';
import { createWebhookSecrets } from '../../store/webhook-secrets.js';
import type { AcceptedJob, Cell, Episode, EpisodeResult } from '../cell.js';
import { isSignedBy } from '../sink.js';
import { openWorkspace } from '../workspace.js';
import type { World } from '../world.js';
import { judgeEnding } from './outcome.js';
import { settledDelivery, untilSettled } from './webhooks.js';

const JOBS = 20;
const AT_ONCE = 4;
const OVERLAP_SECONDS = 3_600;

/** Many ends to be told, and something wrong with one address or changed for all. */
export const webhookLoadCells: Cell[] = [
  { name: `webhook/one dead among ${JOBS}`, isAlone: false, isSlow: true, run: oneDead },
  { name: 'webhook/secret rotated under load', isAlone: false, run: rotate },
];

/** Nobody waits behind an address that hangs. */
async function oneDead(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { caller, sink, database } = world;
  const dead = `key of ${mark} dead`;
  sink.behave(dead, ['hang']);
  const names = ['dead', ...Array.from({ length: JOBS - 1 }, (_, index) => `alive-${index}-`)];
  const jobs = await Promise.all(
    names.map((name) =>
      caller.create({ prompt: world.promptOf(`${mark}-${name}`), idempotencyKey: `key of ${mark} ${name}` }),
    ),
  );
  const [deadJob, ...alive] = jobs;
  const judged = await Promise.all(jobs.map((job) => judgeEnding(world, job, [{ status: 'succeeded', attempts: 1 }])));
  const violations = judged.flat();
  const endedAtMs = performance.now();
  const told = await Promise.all(alive.map((job) => untilSettled(world, job)));
  const recoveredMs = performance.now() - endedAtMs;
  const others = told.filter((one) => one?.state !== 'delivered');
  if (others.length > 0) violations.push(`${others.length} of the others were not told`);
  const isOver = deadJob === undefined || (await settledDelivery(database, deadJob)) !== undefined;
  if (isOver) violations.push('the others were told only when the dead one was given up');
  return { fired: sink.arrivalsOf(dead).length > 0, recoveredMs, jobs, violations };
}

/** Who knows the old secret alone understands everything until the overlap ends; who knows the new one, everything from its moment on. */
async function rotate(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { database, sink } = world;
  const { workspaceId, caller } = await openWorkspace(world, { name: mark });
  const secrets = createWebhookSecrets(database);
  const { secret: before } = await secrets.find(workspaceId);
  const jobs: AcceptedJob[] = [];
  const creating = times(JOBS, AT_ONCE, async (index) => {
    const ofJob = `${mark}-of-many-${index}-`;
    jobs.push(await caller.create({ prompt: world.promptOf(ofJob), idempotencyKey: `key of ${ofJob}` }));
    await pause(200);
  });
  await pause(600);
  const { secret: after } = await secrets.rotate(workspaceId, { overlapSeconds: OVERLAP_SECONDS });
  const rotatedAtMs = Date.now();
  await creating;
  const own = { ...world, caller };
  const judged = await Promise.all(jobs.map((job) => judgeEnding(own, job, [{ status: 'succeeded' }])));
  await Promise.all(jobs.map((job) => untilSettled(world, job)));

  const arrivals = jobs.flatMap(({ idempotencyKey }) => sink.arrivalsOf(idempotencyKey));
  const violations = judged.flat();
  const unknownToOld = arrivals.filter((arrival) => !isSignedBy(before, arrival));
  if (unknownToOld.length > 0) violations.push(`who knows the old secret does not understand ${unknownToOld.length}`);
  // What was on its way at that moment has the old signature alone.
  const later = arrivals.filter(({ timestamp }) => Number(timestamp) * 1_000 > rotatedAtMs);
  const unknownToNew = later.filter((arrival) => !isSignedBy(after, arrival));
  if (unknownToNew.length > 0) violations.push(`who knows the new secret does not understand ${unknownToNew.length}`);
  return { fired: later.length > 0, recoveredMs: null, jobs, violations };
}

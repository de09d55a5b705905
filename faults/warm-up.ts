import { leadingTo, vendors } from './cells/vendors.js';
import type { World } from './world.js';

const ENDED_WITHIN_MS = 180_000;
const ROUNDS = 5;

const ofHouse = { account: 'omixa', others: [], request: { model: 'sora', seconds: 1 } };

/**
 * Has the providers' stand-in draw its clips before anything is judged: a task whose clip is drawn for the first time, on a busy machine,
 * takes so long that it is rightly given up for stalled.
 */
export async function warmUp(world: World): Promise<void> {
  await Promise.all([ofHouse, ...Object.values(vendors)].map((vendor) => draw(world, vendor)));
}

async function draw(world: World, vendor: (typeof vendors)[string]): Promise<void> {
  const { account, others, request } = vendor;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const mark = `warm-up-${account}-${round}-`;
    const prompt = world.promptOf(mark);
    // Both takes, for the cells whose file is not always the same.
    const scripts = [...leadingTo(vendor), { account, call: 'submit' as const, fault: 'two_results' }];
    for (const script of scripts) await world.sandbox.script({ ...script, promptIncludes: prompt });
    const { id } = await world.caller.create({ prompt, idempotencyKey: `key of ${mark}`, more: request });
    const ended = await world.caller.ended(id, ENDED_WITHIN_MS);
    if (ended?.status === 'succeeded' && ended.attempts === others.length + 1) return;
  }
  throw new Error(`${account} did not make a video in ${ROUNDS} rounds`);
}

import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';
import { leadingTo, type Vendor, vendors } from './vendors.js';

const SENT_WITHIN_MS = 20_000;

type Deed = {
  fault: string;
  seconds?: number;
  /** None of them may be taken for the provider's. */
  isRefused?: boolean;
};

/** What becomes of an account's callbacks, or is sent in their place. */
const deeds: Record<string, Deed> = {
  'never comes': { fault: 'never' },
  'comes late': { fault: 'late', seconds: 3 },
  'comes before the answer to its submit': { fault: 'early' },
  'comes twice': { fault: 'doubled' },
  'an older one comes after it': { fault: 'out_of_order' },
  'speaks of another job': { fault: 'other_job' },
};

/** The address tells whose it is: only somebody who does not know it can be a stranger. */
const forgeries: Record<string, Deed> = { 'forged before it': { fault: 'forged', isRefused: true } };

/** A signature tells whose it is. */
const falsehoods: Record<string, Deed> = {
  ...forgeries,
  unsigned: { fault: 'unsigned', isRefused: true },
  'changed by one byte': { fault: 'changed_body', isRefused: true },
  'signed six minutes ago': { fault: 'old', isRefused: true },
};

const ofVendors = [
  { name: 'apixo', misdeeds: { ...deeds, ...forgeries } },
  { name: 'pixazo', misdeeds: { ...deeds, ...forgeries } },
  { name: 'openai', misdeeds: { ...deeds, ...falsehoods } },
];

/** Whatever is heard, the provider is asked, so every job ends as its provider says, once. */
export const callbackCells: Cell[] = ofVendors.flatMap(({ name, misdeeds }) => {
  const vendor = vendors[name];
  if (!vendor) throw new Error(`there is no vendor ${name}`);
  return Object.entries(misdeeds).map(
    ([deed, what]): Cell => ({
      name: `callback/${name}/${deed}`,
      isAlone: false,
      run: (world, episode) => play(world, episode, { vendor, ...what }),
    }),
  );
});

type Play = Deed & { vendor: Vendor };

async function play(
  world: World,
  { mark }: Episode,
  { vendor, fault, seconds, isRefused }: Play,
): Promise<EpisodeResult> {
  const { caller, sandbox } = world;
  const { account, others, request } = vendor;
  const prompt = world.promptOf(mark);
  const scripts = [...leadingTo(vendor), { account, call: 'callback' as const, fault, ...(seconds && { seconds }) }];
  for (const script of scripts) await sandbox.script({ ...script, promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}`, more: request });
  const expected: Expected = { status: 'succeeded', attempts: others.length + 1, accepted: 1 };
  const violations = await judgeEnding(world, job, [expected]);
  // It may come when the job has long ended; after a forged one comes the honest one.
  const first = await eventually(
    async () =>
      (await sandbox.ledger({ promptIncludes: prompt, call: 'callback' })).find((sent) => sent.fault === fault),
    { withinMs: SENT_WITHIN_MS },
  );
  if (isRefused && first?.outcome.startsWith('2')) violations.push(`it was taken for the provider's: ${first.outcome}`);
  return { fired: first !== undefined, recoveredMs: null, jobs: [job], violations };
}

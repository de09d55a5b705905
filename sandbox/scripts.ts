import { z } from 'zod';
import { createRandom } from '../runtime/random.js';
import { strangeAnswers } from './strange-answers.js';

const common = {
  /** Left out: every account. */
  account: z.string().optional(),
  /** Left out: every prompt. Tests that share a sandbox tell their jobs apart by it. */
  promptIncludes: z.string().optional(),
  /** How often it happens; `null` is for ever. */
  times: z.int().positive().nullable().default(1),
  /** It happens to so many of the calls that match, by chance; those it spares do not count. */
  share: z.number().positive().max(1).default(1),
  /** Chance that comes out the same for the same seed and the same calls. */
  seed: z.int().optional(),
};
const retryAfterSeconds = z.number().nonnegative().optional();

export const refusalReasons = ['invalid', 'moderation', 'auth', 'balance', 'model_gone'] as const;
export type RefusalReason = (typeof refusalReasons)[number];

const readingFaults = ['server_error', 'hang', 'drop', 'garbage', ...strangeAnswers] as const;

const submit = { ...common, call: z.literal('submit') };
const look = { ...common, call: z.literal('look') };
/** A list has no prompt: only a fault without `promptIncludes` meets it. */
const list = { ...common, call: z.literal('list') };
const callback = { ...common, call: z.literal('callback') };
const download = { ...common, call: z.literal('download') };

/** A fault that happens to the next calls that match. */
export const scriptSchema = z.discriminatedUnion('call', [
  z.discriminatedUnion('fault', [
    z.strictObject({ ...submit, fault: z.literal('refuse'), reason: z.enum(refusalReasons).default('invalid') }),
    z.strictObject({ ...submit, fault: z.literal('rate_limit'), retryAfterSeconds }),
    z.strictObject({
      ...submit,
      fault: z.literal(['server_error', 'hang', 'not_created_drop', 'garbage']),
    }),
    z.strictObject({
      ...submit,
      fault: z.literal([
        'accept_then_drop',
        'accept_then_hang',
        'accept_without_id',
        'finished_at_once',
        'two_results',
        // The task exists, and its caller learns nothing of it from these.
        ...strangeAnswers,
      ]),
    }),
    z.strictObject({
      ...submit,
      fault: z.literal('stall'),
      /** It ends well after all, when it has been looked at so often or so much time has passed; never where neither is said. */
      looks: z.int().positive().optional(),
      seconds: z.number().positive().optional(),
    }),
    z.strictObject({
      ...submit,
      fault: z.literal('goes_back'),
      /** So many looks see the finished task, the next ones see it at work again; `null` is all of them. */
      shownLooks: z.int().positive().default(1),
      looks: z.int().positive().nullable().default(null),
    }),
    z.strictObject({
      ...submit,
      fault: z.literal('fail_after_accept'),
      reason: z.enum(['internal', 'moderation']).default('internal'),
    }),
    z.strictObject({
      ...submit,
      fault: z.literal('succeed_without_url'),
      /** Looks at the finished task that see no address; `null` is all of them. */
      looks: z.int().positive().nullable().default(null),
    }),
  ]),
  z.discriminatedUnion('fault', [
    z.strictObject({ ...look, fault: z.literal('rate_limit'), retryAfterSeconds }),
    z.strictObject({ ...look, fault: z.literal(readingFaults) }),
    z.strictObject({ ...look, fault: z.literal('unknown_status') }),
  ]),
  z.discriminatedUnion('fault', [
    z.strictObject({ ...list, fault: z.literal('rate_limit'), retryAfterSeconds }),
    z.strictObject({ ...list, fault: z.literal(readingFaults) }),
  ]),
  // What is sent in place of one honest callback; after a forged one, that comes too.
  z.discriminatedUnion('fault', [
    z.strictObject({
      ...callback,
      fault: z.literal([
        'never',
        'doubled',
        'early',
        'out_of_order',
        'forged',
        'changed_body',
        'other_job',
        // Of those that are signed.
        'unsigned',
        'old',
      ]),
    }),
    z.strictObject({ ...callback, fault: z.literal('late'), seconds: z.number().positive().default(1) }),
  ]),
  z.discriminatedUnion('fault', [
    z.strictObject({
      ...download,
      fault: z.literal([
        'expired',
        'truncate',
        'truncate_without_length',
        'wrong_content_type',
        'html',
        'empty',
        'image',
        // Ten gigabytes that the header announces, and bytes without end that it does not.
        'huge',
        'endless',
        // Cut half-way; the rest of it is another file's.
        'swap',
        'server_error',
      ]),
    }),
    z.strictObject({
      ...download,
      fault: z.literal('slow'),
      bytesPerSecond: z.int().positive().default(50_000),
    }),
    z.strictObject({
      ...download,
      fault: z.literal('redirect'),
      location: z.string().default('http://169.254.169.254/'),
    }),
  ]),
]);
export type Script = z.infer<typeof scriptSchema>;
export type ScriptOf<Call extends Script['call']> = Extract<Script, { call: Call }>;
type Place = { account: string; prompt?: string };
type Planned = { script: Script; left: number; chance: () => number };

export function createScripts() {
  let planned: Planned[] = [];

  return {
    add(script: Script): void {
      const { times, seed } = script;
      const chance = seed === undefined ? Math.random : createRandom(seed).next;
      planned.push({ script, left: times ?? Number.POSITIVE_INFINITY, chance });
    },
    clear(): void {
      planned = [];
    },
    /** Those that have not happened as often as they are to, oldest first. */
    waiting: (): Script[] => planned.map(({ script }) => script),

    /** The fault for this call, if one is planned; it is used up by this. */
    take<Call extends Script['call']>(call: Call, { account, prompt = '' }: Place): ScriptOf<Call> | undefined {
      for (const plan of planned) {
        const { script } = plan;
        if (!isOf(script, call) || (script.account ?? account) !== account) continue;
        if (!prompt.includes(script.promptIncludes ?? '')) continue;
        if (plan.chance() >= script.share) continue;
        plan.left -= 1;
        if (plan.left <= 0) planned = planned.filter((kept) => kept !== plan);
        return script;
      }
      return undefined;
    },
  };
}

function isOf<Call extends Script['call']>(script: Script, call: Call): script is ScriptOf<Call> {
  return script.call === call;
}

export type Scripts = ReturnType<typeof createScripts>;

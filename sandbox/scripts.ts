import { z } from 'zod';

const common = {
  /** Left out: every account. */
  account: z.string().optional(),
  /** Left out: every prompt. Tests that share a sandbox tell their jobs apart by it. */
  promptIncludes: z.string().optional(),
  /** How often it happens; `null` is for ever. */
  times: z.int().positive().nullable().default(1),
};

export const refusalReasons = ['invalid', 'moderation', 'auth', 'balance', 'model_gone'] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** A fault that happens to the next calls that match. */
export const scriptSchema = z.discriminatedUnion('call', [
  z.strictObject({
    ...common,
    call: z.literal('submit'),
    fault: z.enum([
      'refuse',
      'rate_limit',
      'server_error',
      'hang',
      'not_created_drop',
      'garbage',
      'accept_then_drop',
      'accept_then_hang',
      'accept_without_id',
      'fail_after_accept',
      'stall',
      'succeed_without_url',
    ]),
    reason: z.enum(refusalReasons).default('invalid'),
    retryAfterSeconds: z.number().nonnegative().optional(),
  }),
  z.strictObject({
    ...common,
    call: z.literal('look'),
    fault: z.enum(['server_error', 'rate_limit', 'hang', 'drop', 'garbage', 'unknown_status']),
    retryAfterSeconds: z.number().nonnegative().optional(),
  }),
  z.strictObject({
    ...common,
    call: z.literal('download'),
    fault: z.enum([
      'expired',
      'truncate',
      'truncate_without_length',
      'wrong_content_type',
      'html',
      'empty',
      'slow',
      'redirect',
      'server_error',
    ]),
    bytesPerSecond: z.int().positive().default(50_000),
    location: z.string().optional(),
  }),
]);
export type Script = z.infer<typeof scriptSchema>;
type ScriptOf<Call> = Extract<Script, { call: Call }>;
type Place = { account: string; prompt?: string };

export function createScripts() {
  let scripts: Script[] = [];

  return {
    add(script: Script): void {
      scripts.push(script);
    },
    clear(): void {
      scripts = [];
    },
    /** The fault for this call, if one is planned; it is used up by this. */
    take<Call extends Script['call']>(call: Call, { account, prompt = '' }: Place): ScriptOf<Call> | undefined {
      const script = scripts.find(
        (planned): planned is ScriptOf<Call> =>
          planned.call === call &&
          (planned.account ?? account) === account &&
          prompt.includes(planned.promptIncludes ?? ''),
      );
      if (!script || script.times === null) return script;
      if (script.times > 1)
        scripts = scripts.map((kept) => (kept === script ? { ...kept, times: (script.times ?? 1) - 1 } : kept));
      else scripts = scripts.filter((kept) => kept !== script);
      return script;
    },
  };
}

export type Scripts = ReturnType<typeof createScripts>;

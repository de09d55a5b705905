import { z } from 'zod';
import { type ErrorCode, errorCatalogue } from '../../../contract/errors.js';
import { aspectRatios, operations } from '../../../contract/generation.js';
import {
  type AttemptState,
  extensions,
  type JobPhase,
  jobStates,
  type ProviderCancel,
} from '../../../contract/states.js';

const EXAMPLE_ID = 'job_01kaz0000000000000000000zz';
const MAX_PER_PAGE = 100;

export const nameSchema = z.string().max(200);
export const textSchema = z.string().max(32_000);
export const addressSchema = z.string().max(4_096).meta({ format: 'uri' });
const idSchema = z.string().max(40);
export const countSchema = z.int().nonnegative();
export const instantSchema = z.date().meta({ example: '2026-11-21T08:00:00.000Z' });
/** US dollars as decimal text. */
export const usdSchema = z
  .string()
  .max(24)
  .regex(/^-?\d+\.\d{6}$/)
  .meta({ example: '0.800000' });
export const currencySchema = z.literal('USD');

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCatalogue, code);
const errorCodeSchema = z
  .enum(Object.keys(errorCatalogue).filter(isErrorCode))
  .meta({ id: 'ErrorCode', description: 'Stable: a code is never renamed and never reused' });
const phases = [
  'routing',
  'submitting',
  'reconciling',
  'waiting',
  'polling',
  'downloading',
  'settling',
] as const satisfies JobPhase[];
const phaseSchema = z
  .enum(phases)
  .meta({ description: '`reconciling`: a provider may have taken the job, but its answer was lost' });
const extensionSchema = z.enum(extensions).meta({
  description:
    'How a follow-up was made: by the provider of its source, or from a still of it by another. Known at its end',
});
const providerCancels = ['confirmed', 'unsupported', 'too_late'] as const satisfies ProviderCancel[];
const providerCancelSchema = z.enum(providerCancels).meta({ description: 'What the provider made of a cancel' });

export const problemSchema = z
  .object({
    type: nameSchema.meta({ example: 'urn:reelay:error:request_invalid' }),
    title: nameSchema.meta({ example: errorCatalogue.request_invalid.title }),
    status: z.int().min(400).max(599).meta({ example: 400 }),
    code: errorCodeSchema,
    detail: textSchema.meta({ description: 'For people; never branch on it' }),
    instance: nameSchema.meta({ description: 'The id of the request, as in `X-Request-Id`' }),
    errors: z
      .array(z.object({ field: nameSchema, message: textSchema }))
      .max(20)
      .meta({ description: "The fields that are wrong, in the caller's words" }),
  })
  .meta({ id: 'Problem', description: 'What went wrong, as RFC 9457 has it' });

const videoSchema = z.object({
  url: addressSchema.nullable().meta({ description: 'Signed, needs no key; `null` when the file is no longer kept' }),
  content_type: nameSchema.meta({ example: 'video/mp4' }),
  expires_at: instantSchema.nullable().meta({ description: 'Of the url; each read signs it afresh' }),
  bytes: countSchema,
  sha256: z
    .string()
    .max(64)
    .regex(/^[0-9a-f]{64}$/),
  width: countSchema.nullable(),
  height: countSchema.nullable(),
  duration_seconds: z.number().nullable(),
});

const requestSchema = z
  .object({
    prompt: textSchema,
    negative_prompt: textSchema.optional(),
    duration_seconds: z.number(),
    size: nameSchema.optional(),
    aspect_ratio: z.enum(aspectRatios).optional(),
    sample_count: z.int(),
    seed: z.int().optional(),
    generate_audio: z.boolean().optional(),
    enhance_prompt: z.boolean().optional(),
    person_generation: nameSchema.optional(),
    wait_seconds: z.number().optional(),
    poll_interval_seconds: z.number().optional(),
    deadline_seconds: z.number().optional(),
    source_video: idSchema.optional().meta({
      description: 'The job or the file that this one goes on from; left out where that is what a pipeline has joined',
    }),
    callback_url: addressSchema.optional(),
  })
  .meta({ description: 'What was asked for, with defaults filled in' });

export const jobSchema = z
  .object({
    provider: nameSchema.meta({
      description: 'Who is at work; before the first try, the first candidate',
      example: 'omixa',
    }),
    model: nameSchema.meta({ example: 'sora' }),
    status: z.enum(jobStates).meta({
      description: 'A terminal one never changes. `POST …/jobs` and `…/status` say `running` from the start',
    }),
    operation: idSchema.meta({ description: "The job's id, as Omixa calls it", example: EXAMPLE_ID }),
    poll_after_seconds: z.number().meta({ description: 'When to ask again; 0 when the job has ended', example: 5 }),
    data: z.array(videoSchema).max(4).meta({ description: 'When it has succeeded, one entry per video' }),
    id: idSchema.meta({ example: EXAMPLE_ID }),
    video_operation: z.enum(operations),
    phase: phaseSchema.nullable(),
    progress: z.number().nullable().meta({ description: 'Percent, where the provider tells' }),
    created_at: instantSchema,
    started_at: instantSchema.nullable(),
    finished_at: instantSchema.nullable(),
    request: requestSchema,
    cost: z.object({
      currency: currencySchema,
      held: usdSchema.meta({ description: 'What is set aside now' }),
      captured: usdSchema.nullable().meta({ description: 'What the job has cost, once it has ended' }),
    }),
    attempts: countSchema.meta({ description: 'Tries at providers so far' }),
    cancel_requested: z.boolean(),
    provider_cancel: providerCancelSchema.nullable(),
    extension: extensionSchema.nullable(),
    pipeline: z
      .object({ id: idSchema, step: nameSchema })
      .nullable()
      .meta({ description: 'The step that it carries out, where a pipeline made it' }),
    error: z.object({ code: errorCodeSchema, message: textSchema }).nullable(),
    links: z.object({
      self: addressSchema,
      content: addressSchema.nullable(),
      events: addressSchema,
      attempts: addressSchema,
      live: addressSchema,
      temporal: addressSchema.optional().meta({ description: 'For keys with the scope `operator`' }),
    }),
  })
  .meta({ id: 'Job' });

export const jobListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(jobSchema).max(MAX_PER_PAGE),
    has_more: z.boolean(),
    next_cursor: idSchema.nullable().meta({ description: 'For `after` of the next page' }),
  })
  .meta({ id: 'JobList' });

const attemptStates = [
  'intended',
  'not_sent',
  'accepted',
  'refused',
  'unknown',
  'succeeded',
  'failed',
  'abandoned',
] as const satisfies AttemptState[];

const ofOperators = { description: 'For keys with the scope `operator`' };
export const attemptSchema = z
  .object({
    number: z.int().positive().meta({ description: 'Counted from 1 within the job' }),
    provider: nameSchema,
    state: z
      .enum(attemptStates)
      .meta({ description: '`unknown`: money may have moved. `abandoned`: nobody waits for it' }),
    started_at: instantSchema,
    answered_at: instantSchema.nullable(),
    finished_at: instantSchema.nullable(),
    upstream_model: nameSchema.optional().meta(ofOperators),
    task_id: nameSchema.nullable().optional().meta(ofOperators),
    cost: z.object({ currency: currencySchema, provider: usdSchema }).optional().meta(ofOperators),
    charged: z.enum(['yes', 'no', 'possibly']).optional().meta(ofOperators),
    failure: z
      .object({
        class: nameSchema,
        message: textSchema,
        provider_code: nameSchema.nullable(),
        excerpt: textSchema.nullable(),
      })
      .nullable()
      .optional()
      .meta({ description: "The provider's own words, for keys with the scope `operator`" }),
  })
  .meta({ id: 'Attempt' });

export const attemptListSchema = z
  .object({ object: z.literal('list'), data: z.array(attemptSchema).max(MAX_PER_PAGE) })
  .meta({ id: 'AttemptList' });

export const liveSchema = z.object({
  workflow: z
    .object({
      status: nameSchema.meta({ example: 'running' }),
      history_events: countSchema,
      state: z
        .object({
          step: nameSchema,
          phase: phaseSchema,
          attempt: countSchema,
          provider: nameSchema.nullable(),
          cancel_requested: z.boolean(),
          provider_cancel: providerCancelSchema.nullable(),
          story: z
            .array(textSchema)
            .max(MAX_PER_PAGE)
            .meta({ description: 'One line per ended attempt, oldest first' }),
        })
        .nullable()
        .meta({ description: '`null` while no worker answers' }),
    })
    .nullable()
    .meta({ description: '`null` before the job is started' }),
  pending: z
    .array(
      z.object({
        activity: nameSchema,
        attempt: countSchema,
        next_look_at: instantSchema.nullable().meta({ description: '`null` while one runs' }),
        last_failure: z.object({ type: nameSchema.nullable(), message: textSchema.nullable() }).nullable(),
      }),
    )
    .max(MAX_PER_PAGE),
});
export const liveJobSchema = liveSchema.extend({ job: jobSchema }).meta({ id: 'LiveJob' });

const totalsSchema = z.object({
  jobs: countSchema,
  succeeded: countSchema,
  failed: countSchema,
  canceled: countSchema,
  delivered_seconds: z.number(),
  captured: usdSchema,
});

export const usageReportSchema = z
  .object({
    object: z.literal('usage'),
    from: instantSchema,
    to: instantSchema,
    currency: currencySchema,
    data: z
      .array(
        totalsSchema.extend({
          day: z.string().max(10).meta({ format: 'date' }),
          model: nameSchema,
          api_key_id: idSchema,
        }),
      )
      .max(1_000_000)
      .meta({ description: 'One entry per UTC day, model and key' }),
    totals: totalsSchema,
    balance: z
      .object({ available: usdSchema, held: usdSchema, reserved: usdSchema.meta({ description: 'Of open pipelines' }) })
      .meta({ description: 'Now' }),
  })
  .meta({ id: 'Usage' });

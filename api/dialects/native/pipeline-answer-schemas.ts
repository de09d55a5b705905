import { z } from 'zod';
import { failurePolicies, stepKinds, stepStates } from '../../../contract/pipeline.js';
import { jobStates } from '../../../contract/states.js';
import {
  addressSchema,
  countSchema,
  currencySchema,
  instantSchema,
  jobSchema,
  nameSchema,
  problemSchema,
  textSchema,
  usdSchema,
} from './answer-schemas.js';

const EXAMPLE_ID = 'pipe_01kaz0000000000000000000zz';
const MAX_STEPS = 100;

const errorCodeSchema = problemSchema.shape.code;

const stepSchema = z
  .object({
    name: nameSchema,
    kind: z.enum(stepKinds),
    status: z.enum(stepStates),
    source: nameSchema.optional(),
    sources: z.array(nameSchema).max(MAX_STEPS).optional(),
    after: z.array(nameSchema).max(MAX_STEPS).optional(),
    at: z.union([nameSchema, z.number()]).optional(),
    message: textSchema.optional(),
    deadline_seconds: z.number().optional(),
    model: nameSchema.optional(),
    prompt: textSchema.optional(),
    duration_seconds: z.number().optional(),
    run: countSchema.meta({ description: 'The run of the pipeline that it was last a part of' }),
    job: z
      .object({
        id: nameSchema,
        status: jobSchema.shape.status,
        phase: jobSchema.shape.phase,
        progress: z.number().nullable(),
        provider: nameSchema,
        extension: jobSchema.shape.extension,
      })
      .nullable()
      .meta({ description: 'The job that carries it out, once there is one' }),
    cost: z.object({
      currency: currencySchema,
      quoted: usdSchema.meta({ description: 'What it costs at most' }),
      captured: usdSchema,
    }),
    data: z.array(jobSchema.shape.data.element).max(4).meta({ description: 'What it has made' }),
    deadline_at: instantSchema.nullable().meta({ description: 'Of an approval that waits' }),
    decision: z
      .object({ decision: z.enum(['approved', 'rejected']), note: textSchema.nullable(), decided_at: instantSchema })
      .nullable(),
    error: z.object({ code: errorCodeSchema, message: textSchema }).nullable(),
    started_at: instantSchema.nullable(),
    finished_at: instantSchema.nullable(),
    links: z.object({ job: addressSchema.nullable() }),
  })
  .meta({ id: 'Step' });

const summaryShape = {
  id: nameSchema.meta({ example: EXAMPLE_ID }),
  status: z.enum(jobStates).meta({ description: 'Only a retry changes a terminal one' }),
  run: countSchema.meta({ description: 'Counted from 1; each retry is one more' }),
  max_parallel: countSchema,
  on_failure: z.enum(failurePolicies),
  callback_url: addressSchema.nullable(),
  metadata: z.record(nameSchema, textSchema),
  cancel_requested: z.boolean(),
  cost: z.object({
    currency: currencySchema,
    quoted: usdSchema.meta({ description: 'What this run costs at most' }),
    reserved: usdSchema.meta({ description: 'What is set aside for steps to come' }),
    held: usdSchema.meta({ description: 'What is set aside for steps at work' }),
    captured: usdSchema.meta({ description: 'What all runs have cost so far' }),
  }),
  error: z
    .object({ step: nameSchema, code: errorCodeSchema, message: textSchema })
    .nullable()
    .meta({ description: 'Of the step that failed first' }),
  created_at: instantSchema,
  started_at: instantSchema.nullable(),
  finished_at: instantSchema.nullable(),
  links: z.object({ self: addressSchema, events: addressSchema, temporal: addressSchema.optional() }),
};

const pipelineSummarySchema = z.object(summaryShape).meta({ id: 'PipelineSummary' });
export const pipelineSchema = z
  .object({ ...summaryShape, steps: z.array(stepSchema).max(MAX_STEPS) })
  .meta({ id: 'Pipeline' });

export const pipelineListAnswerSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(pipelineSummarySchema).max(100).meta({ description: 'Without their steps' }),
    has_more: z.boolean(),
    next_cursor: nameSchema.nullable(),
  })
  .meta({ id: 'PipelineList' });

export const pipelineQuoteSchema = z
  .object({
    currency: currencySchema,
    reserve: usdSchema.meta({ description: 'What the same pipeline would reserve' }),
    steps: z
      .array(
        z.object({
          name: nameSchema,
          kind: z.enum(stepKinds),
          hold: usdSchema,
          providers: z.array(nameSchema).max(100).meta({ description: 'Who would be asked, as far as that is known' }),
        }),
      )
      .max(MAX_STEPS),
  })
  .meta({ id: 'PipelineQuote' });

export const pipelineEventSchema = z
  .object({
    pipeline_id: nameSchema,
    sequence: z.int().positive().meta({ description: 'Counted from 1 without gaps within the pipeline' }),
    type: nameSchema.meta({
      description:
        'After `pipeline.succeeded` there are none; after `pipeline.failed` and `pipeline.canceled` only those of another run. ' +
        'More types may come',
      example: 'step.succeeded',
    }),
    created_at: instantSchema,
    data: z
      .object({
        step: nameSchema.optional(),
        job: nameSchema.optional(),
        error: nameSchema.optional().meta({ description: 'The code with which the step failed' }),
        run: countSchema.optional(),
        steps: z.array(nameSchema).max(MAX_STEPS).optional().meta({ description: 'Those that run again' }),
      })
      .meta({ description: 'What there is to say of it' }),
    pipeline: pipelineSchema.optional().meta({ description: 'As a read gives it, in the event that ended it' }),
  })
  .meta({ id: 'PipelineEvent' });

export const pipelineEventListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(pipelineEventSchema).max(1_000),
    has_more: z.boolean(),
    next_cursor: countSchema.nullable().meta({ description: 'For `last_event_id` of the next page' }),
  })
  .meta({ id: 'PipelineEventList' });

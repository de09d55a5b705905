import { z } from 'zod';
import { callerTextSchema } from '../../../contract/generation.js';
import {
  DEFAULT_PARALLEL,
  failurePolicies,
  framePlaces,
  MAX_PARALLEL,
  MAX_STEPS,
  stepKinds,
} from '../../../contract/pipeline.js';
import { jobStates } from '../../../contract/states.js';
import { isPipelineId } from '../../pipelines.js';
import { followUpSchema, listSchema, newJobSchema } from './schemas.js';

const MAX_METADATA = 16;
const MAX_NAME_CHARACTERS = 64;
const MAX_APPROVAL_SECONDS = 30 * 24 * 60 * 60;

const stepNameSchema = z
  .string()
  .max(MAX_NAME_CHARACTERS)
  .regex(/^[A-Za-z0-9][\w-]*$/, 'must begin with a letter or a digit and hold only letters, digits, _ and -')
  .meta({ description: 'Told apart from every other step by it', example: 'shot' });
const sourceSchema = z.string().min(1).max(MAX_NAME_CHARACTERS);
const afterSchema = z
  .array(sourceSchema)
  .max(MAX_STEPS)
  .optional()
  .meta({ description: 'Steps that must have succeeded first, although nothing of theirs is used' });

const named = { name: stepNameSchema, after: afterSchema };
const jobFields = newJobSchema.omit({
  video_operation: true,
  task: true,
  source_video: true,
  source_video_id: true,
  video_id: true,
});
const source = (description: string) => sourceSchema.meta({ description, example: 'shot' });

/** What each kind of step takes. The fields of the first four are those of a job. */
const stepSchemas = {
  text_to_video: followUpSchema.extend({ ...named, kind: z.literal('text_to_video') }),
  image_to_video: jobFields.extend({
    ...named,
    kind: z.literal('image_to_video'),
    source: source('A step that makes an image, or the id of a file; instead of `start_frame`').optional(),
  }),
  extend: followUpSchema.extend({
    ...named,
    kind: z.literal('extend'),
    source: source('A step that makes a video, or the id of a finished job or of a file'),
  }),
  remix: followUpSchema.extend({
    ...named,
    kind: z.literal('remix'),
    source: source('A step that makes a video, or the id of a finished job or of a file'),
  }),
  concat: z.strictObject({
    ...named,
    kind: z.literal('concat'),
    sources: z
      .array(sourceSchema)
      .min(2)
      .max(MAX_STEPS)
      .meta({
        description:
          'Steps that make videos, or ids of finished jobs or of files, in the order in which they are joined',
        example: ['shot', 'longer'],
      }),
  }),
  frame: z.strictObject({
    ...named,
    kind: z.literal('frame'),
    source: source('A step that makes a video, or the id of a finished job or of a file'),
    at: z
      .union([z.enum(framePlaces), z.number().min(0).max(86_400)], { error: 'must be first, last or seconds' })
      .optional()
      .meta({ description: 'Which still is taken: by name, or in seconds from the beginning', example: 'last' }),
  }),
  approval: z.strictObject({
    ...named,
    kind: z.literal('approval'),
    source: source('What is to be looked at; whoever names the approval as a source gets it').optional(),
    message: callerTextSchema.max(2_000).optional().meta({ description: 'What the person is asked' }),
    deadline_seconds: z
      .number()
      .min(1)
      .max(MAX_APPROVAL_SECONDS)
      .optional()
      .meta({ description: 'How long the person has', override: { default: 86_400 } }),
  }),
} as const satisfies Record<(typeof stepKinds)[number], z.ZodObject>;

export const stepKindSchema = z.object({ kind: z.enum(stepKinds), name: z.unknown() });
/** By its kind, so that a field which another kind has is refused. */
export const stepSchemaOf = (kind: (typeof stepKinds)[number]) => stepSchemas[kind];
export type StepBody = z.infer<(typeof stepSchemas)[keyof typeof stepSchemas]>;

const newStepSchema = z
  .discriminatedUnion('kind', [
    stepSchemas.text_to_video,
    stepSchemas.image_to_video,
    stepSchemas.extend,
    stepSchemas.remix,
    stepSchemas.concat,
    stepSchemas.frame,
    stepSchemas.approval,
  ])
  .meta({ id: 'NewStep', description: 'What a step is made of, by its kind' });

const settings = {
  max_parallel: z
    .int()
    .min(1)
    .max(MAX_PARALLEL)
    .optional()
    .meta({ description: 'How many steps run side by side', override: { default: DEFAULT_PARALLEL } }),
  on_failure: z
    .enum(failurePolicies)
    .optional()
    .meta({
      description: 'When a step fails: nothing new begins, or what does not need it goes on',
      override: { default: 'stop' },
    }),
  callback_url: newJobSchema.shape.callback_url.meta({ description: 'Where the end of the pipeline is told' }),
  metadata: z
    .record(z.string().min(1).max(40), callerTextSchema.max(500))
    .refine((entries) => Object.keys(entries).length <= MAX_METADATA, `must have at most ${MAX_METADATA} keys`)
    .optional()
    .meta({ description: 'Yours, given back as it came', example: { film: 'boats' } }),
};

/** As it is described. */
export const newPipelineSchema = z
  .strictObject({ steps: z.array(newStepSchema).min(1).max(MAX_STEPS), ...settings })
  .meta({ id: 'NewPipeline' });

/** As it is read: each step by itself, so that what is wrong is said of that step. */
export const pipelineBodySchema = z.strictObject({ steps: z.array(z.unknown()).min(1), ...settings });

export const retrySchema = z
  .strictObject({
    steps: z.array(newStepSchema).max(MAX_STEPS).optional().meta({
      description: 'Steps that are to be otherwise this time, whole and by their names; none that has succeeded',
    }),
  })
  .meta({ id: 'RetryPipeline' });
export const retryBodySchema = z.strictObject({ steps: z.array(z.unknown()).optional() });

export const decisionSchema = z.strictObject({
  step: stepNameSchema.meta({ description: 'The approval', example: 'agreed' }),
  note: callerTextSchema.max(2_000).optional().meta({ description: 'Why; shown with the step' }),
});

export const pipelineListSchema = z.strictObject({
  limit: listSchema.shape.limit,
  after: z
    .string()
    .max(200)
    .refine(isPipelineId, 'must be the next_cursor of an earlier page')
    .optional()
    .meta({ description: 'The `next_cursor` of the page before' }),
  status: z.enum(jobStates).optional().meta({ description: 'Only pipelines in this state' }),
});

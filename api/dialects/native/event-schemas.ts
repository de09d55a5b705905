import { z } from 'zod';
import { countSchema, instantSchema, jobSchema, nameSchema } from './answer-schemas.js';

const MAX_PER_PAGE = 1_000;

/** Of a query or a header, where everything is text. */
const wholeNumber = (schema: z.ZodInt) =>
  z.preprocess((text) => (typeof text === 'string' && /^\d{1,6}$/.test(text) ? Number(text) : text), schema);
const mustBeWhole = { error: 'must be a whole number' };

/** The sequence of an event, as a caller gives it back. */
const lastEventIdSchema = z
  .string()
  .max(9)
  .regex(/^\d{1,9}$/, mustBeWhole)
  .transform(Number)
  .optional()
  .meta({
    description: 'The `id` of the last event that was seen; what follows it is sent. From the beginning by default',
    example: '4',
  });

export const eventQuerySchema = z.strictObject({
  last_event_id: lastEventIdSchema,
  limit: wholeNumber(z.int(mustBeWhole).min(1).max(MAX_PER_PAGE))
    .default(100)
    .meta({ description: 'How many events a page holds; a stream has no pages', override: { default: 100 } }),
});
export const eventHeadersSchema = z.object({ 'Last-Event-ID': lastEventIdSchema });

export const eventSchema = z
  .object({
    job_id: z.string().max(40),
    sequence: z.int().positive().meta({ description: 'Counted from 1 without gaps within the job' }),
    type: nameSchema.meta({
      description:
        'Of those after `job.succeeded`, `job.failed` and `job.canceled` there are none. More types may come',
      example: 'job.progress',
    }),
    created_at: instantSchema,
    data: z
      .object({
        attempt: countSchema.optional(),
        provider: nameSchema.optional(),
        progress: z.number().optional().meta({ description: 'Percent' }),
        error: nameSchema.optional().meta({ description: 'The code with which the job failed' }),
        variant: countSchema.optional(),
        bytes: countSchema.optional(),
        sha256: nameSchema.optional(),
      })
      .meta({ description: 'What there is to say of it' }),
    job: jobSchema.optional().meta({ description: 'As a read gives it, in the event that ended it' }),
  })
  .meta({ id: 'JobEvent' });

export const eventListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(eventSchema).max(MAX_PER_PAGE),
    has_more: z.boolean(),
    next_cursor: countSchema.nullable().meta({ description: 'For `last_event_id` of the next page' }),
  })
  .meta({ id: 'JobEventList' });

/** What is answered to somebody who asks for events, of which this is a page. */
export const eventResponses = (what: 'job' | 'pipeline', page: z.ZodType) => ({
  200: {
    description: 'Oldest first',
    content: {
      'application/json': { schema: page },
      'text/event-stream': { schema: z.string().meta({ description: 'Server-sent events' }) },
    },
  },
  204: { description: `Of a stream: the ${what} has ended and its last event was seen` },
});

import { z } from 'zod';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { bearerScheme, type DialectDescription } from '../../middleware/description.js';
import { idempotencyKeySchema } from '../../middleware/idempotency-key.js';
import { preferenceAppliedHeader, preferSchema } from '../../middleware/prefer.js';
import { webhookUrlSchema } from '../../middleware/webhook-url.js';
import {
  addressSchema,
  attemptListSchema,
  jobListSchema,
  jobSchema,
  liveJobSchema,
  problemSchema,
  usageReportSchema,
} from './answer-schemas.js';
import { eventHeadersSchema, eventListSchema, eventQuerySchema, eventResponses } from './event-schemas.js';
import { contentOperation, inputOperation, ofJob } from './file-operations.js';
import { filePaths } from './file-paths.js';
import { modelListSchema, modelSchema, quoteSchema } from './model-schemas.js';
import { pipelinePaths } from './pipeline-operations.js';
import { followUpSchema, listSchema, newJobSchema, statusSchema, usageSchema } from './schemas.js';
import { webhookEvents, webhookPaths } from './webhook-operations.js';

const unknownJob = { 404: { description: 'The workspace has no such job' } };
/** Images do not fit into an address. Other names of these fields do as well. */
const quoteQuerySchema = newJobSchema.pick({
  model: true,
  prompt: true,
  video_operation: true,
  duration_seconds: true,
  resolution: true,
  aspect_ratio: true,
  sample_count: true,
  negative_prompt: true,
  person_generation: true,
  seed: true,
  source_video: true,
  routing: true,
});

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });
const newJob = {
  content: {
    'application/json': {
      schema: newJobSchema,
      example: {
        model: 'sora',
        prompt: 'A paper boat crosses a quiet lake at dawn.',
        duration_seconds: 8,
        resolution: '1280x720',
        poll_interval_seconds: 5,
      },
    },
  },
};
const refusedJob = {
  404: { description: 'The source video is not a job of the workspace' },
  410: { description: '`model_retired`: every route of the model has ended' },
  422: {
    description:
      '`no_route`: no provider can do all of it; `idempotency_key_reused`: the key came with another request',
  },
};
const lifeOfModelHeaders = {
  Deprecation: z.string().max(40).optional().meta({ description: 'RFC 9745: since when the model is deprecated' }),
  Sunset: z.string().max(40).optional().meta({ description: 'RFC 8594: when the model ends' }),
  Link: z.string().max(1_000).optional().meta({ description: 'The model, and the one that comes after it' }),
};

const createdHeaders = z.object({
  Location: addressSchema,
  'Idempotency-Replayed': z.enum(['true']).optional().meta({ description: 'The job was made by an earlier request' }),
  ...preferenceAppliedHeader,
  ...lifeOfModelHeaders,
});

const createJob: ZodOpenApiOperationObject = {
  operationId: 'createJob',
  summary: 'Create a job',
  description:
    'Answered when the job is stored and its price is held: it will end as `succeeded`, `failed` or `canceled`. ' +
    'Everything that can be refused is refused here, before any money moves.',
  requestParams: {
    header: z.object({
      'Idempotency-Key': idempotencyKeySchema,
      Prefer: preferSchema,
      'X-Webhook-URL': webhookUrlSchema,
    }),
  },
  requestBody: { required: true, ...newJob },
  responses: {
    201: {
      description: 'The job, which has ended while the caller waited: with `Prefer: wait`',
      headers: createdHeaders,
      ...json(jobSchema),
    },
    202: { description: 'The job', headers: createdHeaders, ...json(jobSchema) },
    402: { description: 'The balance is too low' },
    409: { description: 'A request with this idempotency key is still in flight' },
    ...refusedJob,
  },
};

/** A job with its operation and its source in the address. */
function followUp(operation: 'extend' | 'remix', summary: string): ZodOpenApiOperationObject {
  return {
    ...createJob,
    operationId: `${operation}Job`,
    summary,
    description: 'The same as creating a job with this operation and this source.',
    requestParams: { ...createJob.requestParams, ...ofJob },
    requestBody: { required: true, ...json(followUpSchema) },
    responses: {
      ...createJob.responses,
      404: { description: 'The workspace has no such job' },
      409: { description: '`job_not_finished`: the job is open; `idempotency_in_flight`' },
    },
  };
}

const listJobs: ZodOpenApiOperationObject = {
  operationId: 'listJobs',
  summary: 'List jobs, newest first',
  requestParams: { query: listSchema },
  responses: { 200: { description: 'A page; jobs that come meanwhile move nothing', ...json(jobListSchema) } },
};

const aJob = { description: 'The job', headers: z.object(preferenceAppliedHeader), ...json(jobSchema) };

function statusOperation(operationId: string, asked: Partial<ZodOpenApiOperationObject>): ZodOpenApiOperationObject {
  return {
    operationId,
    summary: 'Ask for the state of a job, as in Omixa’s API',
    description: 'Name the job exactly once, in the query or in the body.',
    ...asked,
    requestParams: { ...asked.requestParams, header: z.object({ Prefer: preferSchema }) },
    responses: {
      200: { ...aJob, description: 'The job, also when it has failed' },
      ...unknownJob,
    },
  };
}

function quoteOperation(operationId: string, asked: Partial<ZodOpenApiOperationObject>): ZodOpenApiOperationObject {
  return {
    operationId,
    summary: 'Price a job without creating it',
    ...asked,
    responses: {
      200: {
        description: 'What the same request would hold, and who would be asked',
        headers: z.object(lifeOfModelHeaders),
        ...json(quoteSchema),
      },
      ...refusedJob,
    },
  };
}

export const nativeDescription: DialectDescription = {
  tag: { name: 'Native', description: 'Our own API, a superset of Omixa’s video API.' },
  securityScheme: bearerScheme,
  error: { contentType: 'application/problem+json', schema: problemSchema },
  paths: {
    '/api/v1/videos/jobs': { post: createJob, get: listJobs },
    '/api/v1/videos/jobs/status': {
      get: statusOperation('getJobStatus', { requestParams: { query: statusSchema } }),
      post: statusOperation('postJobStatus', {
        requestParams: { query: statusSchema },
        requestBody: json(statusSchema),
      }),
    },
    '/api/v1/videos/jobs/{id}': {
      get: {
        operationId: 'getJob',
        summary: 'Read a job',
        requestParams: { ...ofJob, header: z.object({ Prefer: preferSchema }) },
        responses: { 200: aJob, ...unknownJob },
      },
      delete: {
        operationId: 'deleteJob',
        summary: 'Delete a job that has ended, with its files and its prompt',
        requestParams: ofJob,
        responses: {
          204: { description: 'Deleted' },
          ...unknownJob,
          409: {
            description:
              '`job_not_finished`: the job is open; `pipeline_not_finished`: it is a step of a pipeline that is',
          },
        },
      },
    },
    '/api/v1/videos/jobs/{id}/extend': { post: followUp('extend', 'Go on where a finished job ends') },
    '/api/v1/videos/jobs/{id}/remix': { post: followUp('remix', 'Make a finished job anew') },
    '/api/v1/videos/jobs/{id}/cancel': {
      post: {
        operationId: 'cancelJob',
        summary: 'Stop a job',
        requestParams: ofJob,
        responses: {
          200: { description: 'The job has ended: at once, or before', ...json(jobSchema) },
          202: { description: 'The job is being stopped', ...json(jobSchema) },
          ...unknownJob,
        },
      },
    },
    '/api/v1/videos/jobs/{id}/events': {
      get: {
        operationId: 'listEvents',
        summary: 'Hear what happens to a job, or list what happened',
        description:
          'With `Accept: text/event-stream` as it happens, until the job has ended: the `id` of each event is its sequence, its `event` ' +
          'its type, its `data` a `JobEvent`. Else a page.',
        requestParams: { ...ofJob, query: eventQuerySchema, header: eventHeadersSchema },
        responses: { ...eventResponses('job', eventListSchema), ...unknownJob },
      },
    },
    '/api/v1/videos/jobs/{id}/attempts': {
      get: {
        operationId: 'listAttempts',
        summary: 'List the tries at providers',
        requestParams: ofJob,
        responses: { 200: { description: 'Oldest first', ...json(attemptListSchema) }, ...unknownJob },
      },
    },
    '/api/v1/videos/jobs/{id}/live': {
      get: {
        operationId: 'getLiveJob',
        summary: 'See what the workflow of a job is doing now',
        requestParams: ofJob,
        responses: {
          200: { description: 'As Temporal tells it at this moment', ...json(liveJobSchema) },
          ...unknownJob,
          503: { description: 'Temporal does not answer; the job itself can be read' },
        },
      },
    },
    '/api/v1/videos/jobs/{id}/content': {
      get: contentOperation('getContent'),
      head: contentOperation('getContentHead'),
    },
    '/api/v1/videos/inputs/{id}': { get: inputOperation('getInput'), head: inputOperation('getInputHead') },
    '/api/v1/videos/quote': {
      post: quoteOperation('quoteJob', { requestBody: { required: true, ...newJob } }),
      get: quoteOperation('quoteJobByQuery', { requestParams: { query: quoteQuerySchema } }),
    },
    '/api/v1/models': {
      get: {
        operationId: 'listModels',
        summary: 'List the models',
        responses: { 200: { description: 'By name', ...json(modelListSchema) } },
      },
    },
    '/api/v1/models/{name}': {
      get: {
        operationId: 'getModel',
        summary: 'Read what a model can do, and what it costs',
        requestParams: { path: z.object({ name: z.string().max(200).meta({ example: 'sora' }) }) },
        responses: {
          200: { description: 'The model', headers: z.object(lifeOfModelHeaders), ...json(modelSchema) },
          404: { description: 'There is no such model' },
        },
      },
    },
    ...webhookPaths,
    ...pipelinePaths,
    ...filePaths,
    '/api/v1/usage': {
      get: {
        operationId: 'getUsage',
        summary: 'Report jobs, seconds and money by day, and the balance',
        requestParams: { query: usageSchema },
        responses: { 200: { description: 'Of the jobs that finished in the span', ...json(usageReportSchema) } },
      },
    },
  },
  webhooks: webhookEvents,
};

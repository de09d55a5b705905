import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import { bearerScheme } from '../../middleware/description.js';
import { idempotencyKeySchema } from '../../middleware/idempotency-key.js';
import { addressSchema } from './answer-schemas.js';
import { eventHeadersSchema, eventQuerySchema, eventResponses } from './event-schemas.js';
import { fileOperation } from './file-operations.js';
import {
  pipelineEventListSchema,
  pipelineListAnswerSchema,
  pipelineQuoteSchema,
  pipelineSchema,
} from './pipeline-answer-schemas.js';
import { decisionSchema, newPipelineSchema, pipelineListSchema, retrySchema } from './pipeline-schemas.js';
import { stepLinkSchema } from './schemas.js';

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });
const idSchema = z
  .string()
  .max(200)
  .meta({ description: 'The id of a pipeline', example: 'pipe_01kaz0000000000000000000zz' });
const ofPipeline = { path: z.object({ id: idSchema }) };
const unknownPipeline = { 404: { description: 'The workspace has no such pipeline' } };

const example = {
  steps: [
    { name: 'shot', kind: 'text_to_video', model: 'sora', prompt: 'A paper boat crosses a lake.', duration_seconds: 8 },
    {
      name: 'longer',
      kind: 'extend',
      source: 'shot',
      model: 'sora',
      prompt: 'It reaches the shore.',
      duration_seconds: 4,
    },
    { name: 'agreed', kind: 'approval', source: 'longer', message: 'Does it land well?', deadline_seconds: 3_600 },
    { name: 'film', kind: 'concat', sources: ['shot', 'longer'], after: ['agreed'] },
  ],
};
const newPipeline = { content: { 'application/json': { schema: newPipelineSchema, example } } };

const refusedPipeline = {
  409: { description: '`job_not_finished`: a job that a step goes on from is open; `idempotency_in_flight`' },
  410: { description: '`model_retired`: every route of a model has ended' },
  422: { description: '`no_route`: no provider can do a step, which `errors` names; `idempotency_key_reused`' },
};

function decision(verb: string, summary: string): ZodOpenApiOperationObject {
  return {
    operationId: `${verb}Step`,
    summary,
    requestParams: ofPipeline,
    requestBody: { required: true, ...json(decisionSchema) },
    responses: {
      202: { description: 'The pipeline, with the decision', ...json(pipelineSchema) },
      ...unknownPipeline,
      409: { description: '`step_not_waiting`: nobody is waited for, or somebody has decided otherwise' },
    },
  };
}

function content(operationId: string): ZodOpenApiOperationObject {
  const operation = fileOperation(operationId, 'Fetch the still or the joined video of a step');
  return {
    ...operation,
    description: 'With a key, or by a signed link, which `steps[].data[].url` of the pipeline is.',
    security: [{ [bearerScheme.name]: [] }, {}],
    requestParams: {
      path: z.object({ id: idSchema, step: z.string().max(64).meta({ description: 'Its name', example: 'film' }) }),
      query: stepLinkSchema,
    },
    responses: {
      ...operation.responses,
      403: { description: 'The link has expired or was changed, or the key lacks the scope' },
      409: { description: 'The step has not ended' },
    },
  };
}

export const pipelinePaths: ZodOpenApiPathsObject = {
  '/api/v1/videos/pipelines': {
    post: {
      operationId: 'createPipeline',
      summary: 'Create a pipeline of jobs that follow from each other',
      description:
        'Answered when all steps are stored and their whole price is reserved. Everything that can be refused is refused here, ' +
        'with the step named.',
      requestParams: { header: z.object({ 'Idempotency-Key': idempotencyKeySchema }) },
      requestBody: { required: true, ...newPipeline },
      responses: {
        202: {
          description: 'The pipeline',
          headers: z.object({
            Location: addressSchema,
            'Idempotency-Replayed': z
              .enum(['true'])
              .optional()
              .meta({ description: 'The pipeline was made by an earlier request' }),
          }),
          ...json(pipelineSchema),
        },
        402: { description: 'The balance cannot cover the whole of it' },
        ...refusedPipeline,
      },
    },
    get: {
      operationId: 'listPipelines',
      summary: 'List pipelines, newest first',
      requestParams: { query: pipelineListSchema },
      responses: { 200: { description: 'A page', ...json(pipelineListAnswerSchema) } },
    },
  },
  '/api/v1/videos/pipelines/quote': {
    post: {
      operationId: 'quotePipeline',
      summary: 'Price a pipeline without creating it',
      requestBody: { required: true, ...newPipeline },
      responses: {
        200: { description: 'What the same pipeline would reserve', ...json(pipelineQuoteSchema) },
        ...refusedPipeline,
      },
    },
  },
  '/api/v1/videos/pipelines/{id}': {
    get: {
      operationId: 'getPipeline',
      summary: 'Read a pipeline with its steps',
      requestParams: ofPipeline,
      responses: { 200: { description: 'The pipeline', ...json(pipelineSchema) }, ...unknownPipeline },
    },
    delete: {
      operationId: 'deletePipeline',
      summary: 'Delete a pipeline that has ended, with its jobs, files and prompts',
      requestParams: ofPipeline,
      responses: {
        204: { description: 'Deleted' },
        ...unknownPipeline,
        409: { description: '`pipeline_not_finished`: it has not ended' },
      },
    },
  },
  '/api/v1/videos/pipelines/{id}/events': {
    get: {
      operationId: 'listPipelineEvents',
      summary: 'Hear what happens to a pipeline, or list what happened',
      description:
        'With `Accept: text/event-stream` as it happens, until the pipeline has ended: the `id` of each event is its sequence, its `event` ' +
        'its type, its `data` a `PipelineEvent`. Else a page. A pipeline that is run again has more to tell.',
      requestParams: { ...ofPipeline, query: eventQuerySchema, header: eventHeadersSchema },
      responses: { ...eventResponses('pipeline', pipelineEventListSchema), ...unknownPipeline },
    },
  },
  '/api/v1/videos/pipelines/{id}/cancel': {
    post: {
      operationId: 'cancelPipeline',
      summary: 'Stop a pipeline and every job of it',
      requestParams: ofPipeline,
      responses: {
        200: { description: 'The pipeline has ended before', ...json(pipelineSchema) },
        202: { description: 'The pipeline is being stopped', ...json(pipelineSchema) },
        ...unknownPipeline,
      },
    },
  },
  '/api/v1/videos/pipelines/{id}/retry': {
    post: {
      operationId: 'retryPipeline',
      summary: 'Run again what has not succeeded, and keep what has',
      requestParams: ofPipeline,
      requestBody: json(retrySchema),
      responses: {
        202: { description: 'The pipeline, in its next run', ...json(pipelineSchema) },
        402: { description: 'The balance cannot cover what runs again' },
        404: { description: 'The workspace has no such pipeline' },
        409: { description: '`pipeline_not_retryable`: it has not failed, nor was it cancelled' },
        410: { description: '`model_retired`, or `content_gone`: an image of a step is no longer kept' },
        422: { description: '`no_route`: no provider can do a step, which `errors` names' },
      },
    },
  },
  '/api/v1/videos/pipelines/{id}/approve': { post: decision('approve', 'Let a pipeline go on') },
  '/api/v1/videos/pipelines/{id}/reject': { post: decision('reject', 'Let a step fail that waits for a decision') },
  '/api/v1/videos/pipelines/{id}/steps/{step}/content': {
    get: content('getStepContent'),
    head: content('getStepContentHead'),
  },
};

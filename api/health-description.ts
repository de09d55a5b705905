import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';

export const livenessSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });

const partSchema = z.enum(['ok', 'away']);
export const readinessSchema = z
  .object({ status: z.enum(['ready', 'unavailable']), database: partSchema, temporal: partSchema })
  .meta({ id: 'Readiness' });

const readiness = (description: string) => ({
  description,
  content: { 'application/json': { schema: readinessSchema } },
});

export const healthPaths: ZodOpenApiPathsObject = {
  '/healthz': {
    get: {
      operationId: 'getLiveness',
      summary: 'Whether the process lives',
      tags: ['Health'],
      security: [],
      responses: { 200: { description: 'It does', content: { 'application/json': { schema: livenessSchema } } } },
    },
  },
  '/readyz': {
    get: {
      operationId: 'getReadiness',
      summary: 'Whether the process can do its work',
      description: 'Jobs are taken and read while Temporal is away, and started when it is back.',
      tags: ['Health'],
      security: [],
      responses: { 200: readiness('The database answers'), 503: readiness('The database does not answer') },
    },
  },
};

import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathItemObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { healthPaths } from './health-description.js';
import type { DialectDescription } from './middleware/description.js';

export type OpenApiDocument = ReturnType<typeof createDocument>;

/** That of package.json; a test compares. */
const VERSION = '0.1.0';
const methods = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const;

const MAX_ANSWER_CHARACTERS = 65_536;
const MAX_ANSWER_ITEMS = 1_000;

const about = `A durable video-job service. Post a job in the words of any of the APIs below, ask for its state, fetch its file: the same keys,
jobs and limits are behind all of them, and each shows the same job under an id of its own.

Every create takes an \`Idempotency-Key\`. Every answer carries \`X-Request-Id\`. Answers to a key tell what is left of the workspace's
requests per minute in \`RateLimit\` and \`RateLimit-Policy\`.

Addresses below \`/callbacks\` are not described: each is for the provider that was told of it, and for nobody else.`;

const requestIdHeader = z
  .string()
  .max(128)
  .meta({
    description: "The caller's own id for the request, or one of ours",
    header: { id: 'X-Request-Id' },
  });
const rateLimitHeaders = {
  RateLimit: z
    .string()
    .max(200)
    .optional()
    .meta({
      description: 'What is left of the requests per minute, and when the minute ends',
      example: '"workspace";r=9999;t=60',
      header: { id: 'RateLimit' },
    }),
  'RateLimit-Policy': z
    .string()
    .max(200)
    .optional()
    .meta({
      description: 'How many requests per minute the workspace may send',
      example: '"workspace";q=10000;w=60',
      header: { id: 'RateLimit-Policy' },
    }),
};
const retryAfterHeader = z
  .string()
  .max(10)
  .optional()
  .meta({ description: 'Seconds, where the time is known', example: '5', header: { id: 'Retry-After' } });

/** Errors after which the same request may do better a little later. */
const passingStatuses = new Set(['409', '429', '503']);

/** One OpenAPI document of all dialects, made of the schemas that parse and answer. */
export function describeApi(
  dialects: readonly DialectDescription[],
  { publicUrl }: { publicUrl: string },
): OpenApiDocument {
  const document: ZodOpenApiObject = {
    openapi: '3.1.1',
    info: { title: 'Reelay', version: VERSION, description: about, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: publicUrl, description: 'This deployment' }],
    tags: [...dialects.map(({ tag }) => tag), { name: 'Health', description: 'For load balancers and supervisors.' }],
    paths: Object.assign({}, ...dialects.map(pathsOf), healthPaths),
    webhooks: Object.assign({}, ...dialects.map(({ webhooks, tag }) => webhooksOf(webhooks, tag.name))),
    components: {
      securitySchemes: Object.fromEntries(dialects.map(({ securityScheme: { name, scheme } }) => [name, scheme])),
    },
  };
  return createDocument(document, {
    override({ zodSchema, jsonSchema, io }) {
      // As JSON carries it.
      if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, { format: 'date-time', maxLength: 30 });
      // Beyond 2 to the power of 53, numbers of JSON are not read alike everywhere; zod keeps integers within.
      if (jsonSchema.type === 'integer') jsonSchema.format = 'int64';
      if (io === 'output') describeAnswer(jsonSchema);
    },
  });
}

/**
 * Answers may gain fields, so they are not described as closed. They are ours, so that one limit does for all whose own is not worth
 * telling; requests state theirs, as they are held to them.
 */
function describeAnswer(schema: { type?: unknown; [keyword: string]: unknown }): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  const isOneOfFew = schema.enum !== undefined || schema.const !== undefined;
  if (schema.type === 'string' && !isOneOfFew) schema.maxLength ??= MAX_ANSWER_CHARACTERS;
  if (schema.type === 'array') schema.maxItems ??= MAX_ANSWER_ITEMS;
}

function webhooksOf(
  webhooks: DialectDescription['webhooks'] = {},
  tag: string,
): Record<string, ZodOpenApiPathItemObject> {
  return Object.fromEntries(
    Object.entries(webhooks).map(([name, { post }]) => [name, { post: { tags: [tag], ...post } }]),
  );
}

function pathsOf(dialect: DialectDescription): Record<string, ZodOpenApiPathItemObject> {
  const common = commonErrors(dialect);
  return Object.fromEntries(
    Object.entries(dialect.paths).map(([path, item]) => [path, completePath(item, { dialect, common })]),
  );
}

type Completing = { dialect: DialectDescription; common: Record<string, ZodOpenApiResponseObject> };

function completePath(item: ZodOpenApiPathItemObject, completing: Completing): ZodOpenApiPathItemObject {
  const operations = methods.flatMap((method) => {
    const operation = item[method];
    return operation ? [[method, completeOperation(operation, completing)] as const] : [];
  });
  return { ...item, ...Object.fromEntries(operations) };
}

function completeOperation(
  operation: ZodOpenApiOperationObject,
  { dialect, common }: Completing,
): ZodOpenApiOperationObject {
  const { tag, securityScheme } = dialect;
  const security = operation.security ?? [{ [securityScheme.name]: [] }];
  const isOpen = security.length === 0;
  const left = Object.entries(common).filter(([status]) => {
    if (status === '413' || status === '415') return operation.requestBody !== undefined;
    return !isOpen || !['401', '403', '429'].includes(status);
  });
  const own = Object.entries(operation.responses).map(([status, answer]) => [
    status,
    '$ref' in answer ? answer : completeAnswer(answer, { status, dialect, isOpen }),
  ]);
  const responses: ZodOpenApiResponsesObject = { ...Object.fromEntries(left), ...Object.fromEntries(own) };
  return { ...operation, tags: operation.tags ?? [tag.name], security, responses };
}

type AnswerOf = { status: string; dialect: DialectDescription; isOpen?: boolean };

function completeAnswer(
  { headers, ...answer }: ZodOpenApiResponseObject,
  { status, dialect: { error }, isOpen = false }: AnswerOf,
): ZodOpenApiResponseObject {
  if (headers !== undefined && !(headers instanceof z.ZodObject)) {
    throw new Error(`the headers of the answer ${status}, "${answer.description}", must be a z.object`);
  }
  const isError = status >= '400';
  return {
    ...(isError && { content: { [error.contentType]: { schema: error.schema } } }),
    ...answer,
    headers: z.object({
      'X-Request-Id': requestIdHeader,
      ...(!isOpen && rateLimitHeaders),
      ...(passingStatuses.has(status) && { 'Retry-After': retryAfterHeader }),
      ...headers?.shape,
    }),
  };
}

/** What any operation can answer, written down once per dialect. */
function commonErrors(dialect: DialectDescription): Record<string, ZodOpenApiResponseObject> {
  const name = dialect.tag.name.replaceAll(/\W/g, '');
  const descriptions = {
    400: 'The request is not valid',
    401: 'No valid key',
    403: 'The key may not do this',
    413: 'The body is too large',
    415: 'The body is of a type that is not taken, or not in UTF-8',
    429: 'Too many requests in this minute, or too many open jobs',
    500: 'Something went wrong here',
    503: 'A part of the service is away',
  };
  return Object.fromEntries(
    Object.entries(descriptions).map(([status, description]) => [
      status,
      { id: `${name}-${status}`, ...completeAnswer({ description }, { status, dialect }) },
    ]),
  );
}

import { Ajv2020 } from 'ajv/dist/2020.js';
import { dialectDescriptions } from '../../api/dialects.js';
import { describeApi } from '../../api/openapi.js';

type Asked = { method: string; path: string };
type Described = { pointer: string; contentTypes: string[] };

const document: unknown = describeApi(dialectDescriptions, { publicUrl: 'https://reelay.test' });
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(closed(document), 'api');

const templates = Object.keys(at('/paths') ?? {}).map((template) => ({
  template,
  matches: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
}));

/**
 * Throws when an answer is not what `/openapi.json` says of it: another status, another content type, a field that is missing, wrong or
 * not told of. Silent about addresses that are not described.
 */
export async function checkAsDescribed({ method, path }: Asked, response: Response): Promise<void> {
  const asked = `${method} ${path}`;
  const { pathname } = new URL(path, 'https://reelay.test');
  const template = templateOf(pathname);
  if (!template) return;
  const described = answerOf({ method, template, status: response.status });
  if (!described) throw new Error(`${asked}: the description knows no answer ${response.status} of ${template}`);
  if (method === 'HEAD') return;

  const contentType = response.headers.get('content-type')?.split(';', 1)[0] ?? '';
  const { contentTypes, pointer } = described;
  if (contentTypes.length === 0 && contentType === '') return;
  if (!contentTypes.includes(contentType)) {
    throw new Error(
      `${asked}: the answer ${response.status} is ${contentType}, described as ${contentTypes.join(', ') || 'empty'}`,
    );
  }
  if (!/json$/.test(contentType)) return;

  const body: unknown = await response.clone().json();
  const faults = faultsOf(body, `${pointer}/content/${escaped(contentType)}/schema`);
  if (faults) throw new Error(`${asked}: the answer ${response.status} is not as described: ${faults}`);
}

/** The same of what an endpoint is sent. */
export function checkEventAsDescribed(type: string, body: unknown): void {
  const faults = faultsOf(body, `/webhooks/${escaped(type)}/post/requestBody/content/application~1json/schema`);
  if (faults) throw new Error(`${type} is not as described: ${faults}`);
}

function faultsOf(body: unknown, pointer: string): string | undefined {
  const $ref = `api#${pointer}`;
  const validate = ajv.getSchema($ref) ?? ajv.compile({ $ref });
  if (validate(body)) return undefined;
  return `${ajv.errorsText(validate.errors, { dataVar: 'body' })}\n${JSON.stringify(body)}`;
}

/** The described address that the path is one of; one without a placeholder wins. */
function templateOf(pathname: string): string | undefined {
  const found = templates.filter(({ matches }) => matches.test(pathname)).map(({ template }) => template);
  return found.find((template) => !template.includes('{')) ?? found[0];
}

type AnswerTo = { method: string; template: string; status: number };

function answerOf({ method, template, status }: AnswerTo): Described | undefined {
  const pointer = `/paths/${escaped(template)}`;
  const item = at(pointer) ?? {};
  const known = [method.toLowerCase(), ...(method === 'HEAD' ? ['get'] : [])].find((name) => name in item);
  if (known) return resolve(`${pointer}/${known}/responses/${status}`);
  if (status !== 405) return undefined;
  // A method that is not taken is refused in the words of those that are; where these refuse nothing, in our own.
  const [other = 'get'] = Object.keys(item);
  return resolve(`${pointer}/${other}/responses/400`) ?? resolve('/components/responses/Native-400');
}

function resolve(pointer: string): Described | undefined {
  const found = at(pointer);
  if (typeof found?.$ref === 'string') return resolve(found.$ref.slice(1));
  return found && { pointer, contentTypes: isRecord(found.content) ? Object.keys(found.content) : [] };
}

function at(pointer: string): Record<string, unknown> | undefined {
  const parts = pointer.split('/').slice(1);
  let found: unknown = document;
  for (const part of parts) found = isRecord(found) ? found[unescaped(part)] : undefined;
  return isRecord(found) ? found : undefined;
}

function unescaped(part: string): string {
  return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
}

function escaped(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}

/** Answers may gain fields, but not without being described: here every object holds what is told of and nothing else. */
function closed(schema: unknown): object {
  const copy: unknown = JSON.parse(JSON.stringify(schema), (_key, value: unknown) =>
    isRecord(value) && isRecord(value.properties) && value.type === 'object'
      ? { additionalProperties: false, ...value }
      : value,
  );
  if (!isRecord(copy)) throw new Error('the description is not an object');
  return copy;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

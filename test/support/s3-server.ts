import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { startFauxqs } from 'fauxqs';

/** What becomes of a request: nobody gets it, its answer is lost, or half of it, it is refused, or none of that. */
type Fate = 'cut' | 'lost' | 'half' | number | undefined;
type S3Request = { method: string; key: string; query: URLSearchParams };
type Interception = (request: S3Request) => Fate | Promise<Fate>;

type Asked = { method: string; headers?: Headers; body?: Buffer };
type Answer = { status: number; headers: Headers; body: Buffer };

export type S3Server = Awaited<ReturnType<typeof startS3Server>>;

const BUCKET = 'films';

/**
 * An S3 server that keeps every byte in memory, and before it what it lacks: `If-None-Match` on writes, checksums that are compared,
 * a list of unfinished uploads, signed addresses that say how they want to be answered, times that tests move.
 */
export async function startS3Server() {
  const fauxqs = await startFauxqs({ port: 0, logger: false });
  fauxqs.createBucket(BUCKET);
  const uploads = new Map<string, { key: string; begunAt: Date }>();
  const ages = new Map<string, number>();
  const turns = new Map<string, Promise<unknown>>();
  const seen: string[] = [];
  let intercept: Interception = () => undefined;
  let knowsConditions = true;

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    bucket: BUCKET,
    /** As the service has them. */
    settings: (prefix: string) => ({
      ARTIFACTS_URL: `s3://${BUCKET}/${prefix}`,
      S3_ENDPOINT: url,
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing',
    }),
    async keys(prefix = ''): Promise<string[]> {
      const { body } = await ask(`/${BUCKET}?list-type=2&prefix=${prefix}`, { method: 'GET' });
      return [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key = '']) => key);
    },
    unfinishedUploads: () => uploads.size,
    /** What was asked for since the last time somebody wanted to know: `PUT prefix/key`. */
    takeSeen: () => seen.splice(0),
    /** Makes an object, or the unfinished uploads of its key, look as if they had been written so long ago. */
    age: (key: string, ageMs: number) => void ages.set(key, ageMs),
    intercept(interception: Interception) {
      intercept = interception;
    },
    /** From now on it overwrites, whatever it is told. */
    forgetConditions() {
      knowsConditions = false;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await fauxqs.stop();
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET' } = request;
    const { pathname, searchParams: query } = new URL(request.url ?? '/', url);
    const key = decodeURIComponent(pathname).split('/').slice(2).join('/');
    // A body that is cut off is nobody's.
    const body = await buffer(request);
    seen.push(`${method} ${key}`);
    const fate = await intercept({ method, key, query });
    if (fate === 'cut') return void response.destroy();
    if (typeof fate === 'number') return send(response, refusal(fate, 'Refused'), method);

    const answer = await inTurn(key, () => answerTo(request, { method, key, query, body }));
    if (fate === 'lost') return void response.destroy();
    if (fate !== 'half') return send(response, answer, method);
    response.writeHead(answer.status, { 'content-length': answer.body.length });
    response.write(answer.body.subarray(0, answer.body.length / 2), () => response.destroy());
  }

  async function answerTo(
    request: IncomingMessage,
    { method, key, query, body }: S3Request & { body: Buffer },
  ): Promise<Answer> {
    const checksum = request.headers['x-amz-checksum-sha256'];
    if (method === 'PUT' && checksum !== undefined && checksum !== sha256Of(body)) return refusal(400, 'BadDigest');
    if (
      knowsConditions &&
      request.headers['if-none-match'] === '*' &&
      (method === 'PUT' || method === 'POST') &&
      (await isThere(key))
    ) {
      return refusal(412, 'PreconditionFailed');
    }
    if (method === 'GET' && !key && query.has('uploads')) return listOfUploads(query.get('prefix') ?? '');

    const answer = await ask(request.url ?? '/', { method, headers: headersOf(request), body });
    if (answer.status < 300) remember({ method, key, query }, answer);
    return retold(answer, key, query);
  }

  async function ask(path: string, { method, headers, body }: Asked): Promise<Answer> {
    const sent = body && body.length > 0 ? { body: new Uint8Array(body) } : {};
    const response = await fetch(new URL(path, `http://127.0.0.1:${fauxqs.port}`), { method, headers, ...sent });
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
  }

  async function isThere(key: string): Promise<boolean> {
    return (await ask(`/${BUCKET}/${key}`, { method: 'HEAD' })).status === 200;
  }

  function remember({ method, key, query }: S3Request, { body }: Answer): void {
    const id = query.get('uploadId');
    if (method === 'POST' && query.has('uploads')) {
      uploads.set(/<UploadId>(.*?)<\/UploadId>/.exec(body.toString())?.[1] ?? '', { key, begunAt: new Date() });
    } else if (id && method !== 'PUT') {
      uploads.delete(id);
      if (method === 'POST') ages.delete(key);
    } else if (method === 'PUT' && !id) ages.delete(key);
  }

  function listOfUploads(prefix: string): Answer {
    const rows = [...uploads].flatMap(([id, { key, begunAt }]) => {
      const initiated = new Date(begunAt.getTime() - (ages.get(key) ?? 0)).toISOString();
      return key.startsWith(prefix)
        ? [`<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated}</Initiated></Upload>`]
        : [];
    });
    const text = `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${rows.join('')}</ListMultipartUploadsResult>`;
    return { status: 200, headers: new Headers({ 'content-type': 'application/xml' }), body: Buffer.from(text) };
  }

  function retold({ status, headers, body }: Answer, key: string, query: URLSearchParams): Answer {
    const told = new Headers(headers);
    const written = headers.get('last-modified');
    const ageMs = ages.get(key);
    if (written && ageMs) told.set('last-modified', new Date(Date.parse(written) - ageMs).toUTCString());
    for (const name of ['content-type', 'content-disposition', 'cache-control']) {
      const wanted = query.get(`response-${name}`);
      if (wanted) told.set(name, wanted);
    }
    if (key || !query.has('list-type')) return { status, headers: told, body };
    const text = body.toString().replaceAll(/<Contents>.*?<\/Contents>/gs, (row) => {
      const age = ages.get(/<Key>(.*?)<\/Key>/.exec(row)?.[1] ?? '') ?? 0;
      return row.replace(
        /(<LastModified>)(.*?)(<)/,
        (_, open, time, close) => `${open}${new Date(Date.parse(time) - age).toISOString()}${close}`,
      );
    });
    return { status, headers: told, body: Buffer.from(text) };
  }

  /** One after the other for each key, as S3 decides who was first. */
  function inTurn<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const turn = (turns.get(key) ?? Promise.resolve()).then(work);
    turns.set(
      key,
      turn.catch(() => undefined),
    );
    return turn;
  }
}

function send(response: ServerResponse, { status, headers, body }: Answer, method: string): void {
  for (const [name, value] of headers)
    if (name !== 'connection' && name !== 'keep-alive') response.setHeader(name, value);
  response.writeHead(status);
  response.end(method === 'HEAD' ? undefined : body);
}

function refusal(status: number, code: string): Answer {
  const body = Buffer.from(`<Error><Code>${code}</Code><Message>${code} by the test</Message></Error>`);
  return { status, headers: new Headers({ 'content-type': 'application/xml' }), body };
}

function headersOf({ headers }: IncomingMessage): Headers {
  const dropped = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'if-none-match']);
  const kept = Object.entries(headers).filter(([name]) => !dropped.has(name));
  return new Headers(kept.map(([name, value]): [string, string] => [name, String(value)]));
}

function sha256Of(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64');
}

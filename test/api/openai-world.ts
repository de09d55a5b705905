import { expect } from '@jest/globals';
import OpenAI from 'openai';
import { type Catalogue, catalogueSchema } from '../../contract/catalogue.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { livesOf } from '../support/lives.js';

export const videos = '/v1/videos';
export const prompt = 'a paper boat';

const omixa = { account: 'omixa', upstreamModel: 'sora', costMicrosPerSecond: 100_000 };
const compatible = { account: 'openai-compatible', upstreamModel: 'sora-2-pro', costMicrosPerSecond: 300_000 };

type Changes = { route?: object };

/** `sora-2` made by an account that takes any length, `sora-2-pro` by one of the vendor's own kind. */
export function anOpenaiCatalogue({ route = {} }: Changes = {}): Catalogue {
  const price = { priceMicrosPerSecond: 100_000, minimumHoldMicros: 10_000, defaultSeconds: 8 };
  return catalogueSchema.parse({
    accounts: {
      omixa: { adapter: 'omixa', baseUrl: 'https://omixa.test', credential: 'OMIXA_API_KEY' },
      'openai-compatible': {
        adapter: 'openai-videos',
        baseUrl: 'https://compatible.test/v1',
        credential: 'OPENAI_COMPATIBLE_API_KEY',
      },
    },
    models: {
      sora: { ...price, routes: [omixa] },
      'sora-2': { ...price, routes: [{ ...omixa, ...route }] },
      'sora-2-pro': { ...price, priceMicrosPerSecond: 300_000, routes: [compatible] },
    },
  });
}

export const startOpenai = (options: Parameters<typeof startApi>[0] = {}) =>
  startApi({ catalogue: anOpenaiCatalogue(), ...options });

/** A workspace with the client that Sora's users have, which tries again of itself. */
export async function addOpenaiWorkspace(api: Api, options?: Parameters<Api['addWorkspace']>[0]) {
  const workspace = await api.addWorkspace(options);
  const requests: string[] = [];
  const client = new OpenAI({
    apiKey: workspace.secret,
    baseURL: `${api.url}/v1`,
    maxRetries: 2,
    fetch: (input, init) => {
      const address = input instanceof Request ? input.url : input.toString();
      // It also tries out whether `fetch` knows forms, on an address that leads nowhere.
      if (address.startsWith('http')) requests.push(`${init?.method} ${address}`);
      return fetch(input, init);
    },
  });
  return { ...workspace, client, requests };
}

type Poster = { post: (path: string, body: unknown) => Promise<Response> };

/** A finished video of 8 s and 1280x720, by its id in this dialect. */
export async function aCompletedVideo(api: Api, { post }: Poster): Promise<string> {
  const response = await post(videos, { prompt, seconds: '8', size: '1280x720' });
  const id = String((await readJson(response)).id);
  await livesOf(api).succeed(jobIdOf(id));
  return id;
}

export const jobIdOf = (videoId: string) => videoId.replace('video_', 'job_');

export function rowOf(api: Api, videoId: string) {
  return api.database.queries
    .selectFrom('jobs')
    .selectAll()
    .where('id', '=', jobIdOf(videoId))
    .executeTakeFirstOrThrow();
}

/** What a refused request must leave as it was. */
export async function tracesOf(api: Api, workspaceId: string) {
  return [await api.countJobs(), await api.countFiles(), api.wakeCount(), await api.ledger.balance(workspaceId)];
}

/** A form as a caller writes it by hand: texts and files in their order. */
export function formOf(fields: Record<string, string | Blob>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

export const anError = (
  message: RegExp,
  { param, ...more }: { param: string | null; code?: string; type?: string },
) => ({
  error: {
    message: expect.stringMatching(message),
    type: 'invalid_request_error',
    param,
    code: 'invalid_value',
    ...more,
  },
});

import { type Catalogue, catalogueSchema } from '../../contract/catalogue.js';
import { type Api, startApi } from '../support/api.js';
import { checkAsDescribed } from '../support/described.js';

export const generate = '/sora-video/v1/video/generate';
export const generateFromImage = '/sora-video/v1/video/i2v/generate';
export const result = '/sora-video/v1/video/result';
export const status = '/v2/requests/status';

type Changes = { route?: object; settings?: Record<string, string> };

/** `sora-2-pro` made by Pixazo itself, at the price of its page, and `sora` for jobs of other dialects. */
export function aPixazoCatalogue({ route = {}, settings = {} }: Changes = {}): Catalogue {
  return catalogueSchema.parse({
    accounts: {
      pixazo: { adapter: 'pixazo', baseUrl: 'https://pixazo.test', credential: 'PIXAZO_API_KEY' },
      omixa: { adapter: 'omixa', baseUrl: 'https://omixa.test', credential: 'OMIXA_API_KEY', settings },
    },
    models: {
      'sora-2-pro': {
        priceMicrosPerSecond: 300_000,
        sizePrices: { '1792x1024': 500_000, '1024x1792': 500_000 },
        minimumHoldMicros: 10_000,
        defaultSeconds: 8,
        routes: [{ account: 'pixazo', upstreamModel: 'sora-2-pro', costMicrosPerSecond: 300_000, ...route }],
      },
      sora: {
        priceMicrosPerSecond: 100_000,
        minimumHoldMicros: 10_000,
        defaultSeconds: 8,
        routes: [{ account: 'omixa', upstreamModel: 'sora', costMicrosPerSecond: 100_000 }],
      },
    },
  });
}

export const startPixazo = (options: Parameters<typeof startApi>[0] = {}) =>
  startApi({ catalogue: aPixazoCatalogue(), ...options });

/** A client of Pixazo, which sends its key in its own header and in no other. */
export function pixazoClient({ url }: Pick<Api, 'url'>, secret: string) {
  const send = async (method: string, path: string, init: RequestInit = {}) => {
    const headers = {
      'ocp-apim-subscription-key': secret,
      'cache-control': 'no-cache',
      ...Object.fromEntries(new Headers(init.headers)),
    };
    const response = await fetch(new URL(path, url), { method, ...init, headers });
    await checkAsDescribed({ method, path }, response);
    return response;
  };
  return {
    send,
    get: (path: string) => send('GET', path),
    post: (path: string, body: unknown, headers: Record<string, string> = {}) =>
      send('POST', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }),
  };
}

/** A workspace, seen by its native caller and by a client of Pixazo. */
export async function addPixazoWorkspace(api: Api, options?: Parameters<Api['addWorkspace']>[0]) {
  const { workspaceId, secret, ...native } = await api.addWorkspace(options);
  return { workspaceId, secret, native, ...pixazoClient(api, secret) };
}

/** What a refused request must leave as it was. */
export async function tracesOf(api: Api, workspaceId: string) {
  return [await api.countJobs(), await api.countFiles(), api.wakeCount(), await api.ledger.balance(workspaceId)];
}

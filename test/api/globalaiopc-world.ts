import { type Catalogue, catalogueSchema } from '../../contract/catalogue.js';
import { type Api, startApi } from '../support/api.js';

export const paths = ['/sora/videos', '/v1/sora/videos'] as const;
export const [videos] = paths;

/** The vendor's own account, with the page's 25 seconds; `sora-2` is also made by one that takes a single reference. */
export function aGlobalaiopcCatalogue({ proLongClips = 'true', without = '', route = {} } = {}): Catalogue {
  const price = { priceMicrosPerSecond: 100_000, minimumHoldMicros: 10_000, defaultSeconds: 8 };
  const own = (upstreamModel: string) => ({ account: 'globalaiopc', upstreamModel, costMicrosPerSecond: 90_000 });
  const models = {
    'sora-2': {
      ...price,
      routes: [own('sora-2'), { account: 'omixa', upstreamModel: 'sora', costMicrosPerSecond: 100_000 }].filter(
        ({ account }) => account !== without,
      ),
    },
    'sora-2-stable': { ...price, routes: [{ ...own('sora-2-stable'), ...route }] },
    'sora-2-pro': { ...price, priceMicrosPerSecond: 300_000, routes: [own('sora-2-pro')] },
  };
  return catalogueSchema.parse({
    accounts: {
      globalaiopc: {
        adapter: 'globalaiopc',
        baseUrl: 'https://globalaiopc.test',
        credential: 'GLOBALAIOPC_API_KEY',
        settings: { queryPath: '/sora/videos', proLongClips },
      },
      omixa: { adapter: 'omixa', baseUrl: 'https://omixa.test', credential: 'OMIXA_API_KEY' },
    },
    models: Object.fromEntries(Object.entries(models).filter(([name]) => name !== without)),
  });
}

export const startGlobalaiopc = (options: Parameters<typeof startApi>[0] = {}) =>
  startApi({ catalogue: aGlobalaiopcCatalogue(), ...options });

/** What a refused request must leave as it was. */
export async function tracesOf(api: Api, workspaceId: string) {
  return [await api.countJobs(), await api.countFiles(), api.wakeCount(), await api.ledger.balance(workspaceId)];
}

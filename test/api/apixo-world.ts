import { catalogueSchema } from '../../contract/catalogue.js';
import { type Api, readJson, startApi } from '../support/api.js';

export const generate = '/api/v1/generateTask/sora-2';
export const statusOf = (taskId: string, model = 'sora-2') => `/api/v1/statusTask/${model}?taskId=${taskId}`;
export const textToVideo = { mode: 'text-to-video', prompt: 'a paper boat' };

const price = { priceMicrosPerSecond: 100_000, minimumHoldMicros: 10_000, defaultSeconds: 8 };
const omixa = { account: 'omixa', upstreamModel: 'sora', costMicrosPerSecond: 100_000 };

/** `sora-2` of a maker and of a cheaper reseller, `sora` of the reseller of another kind only, and a model whose time is over. */
export const apixoCatalogue = catalogueSchema.parse({
  accounts: {
    omixa: { adapter: 'omixa', baseUrl: 'https://omixa.test', credential: 'OMIXA_API_KEY', official: true },
    apixo: { adapter: 'apixo', baseUrl: 'https://apixo.test', credential: 'APIXO_API_KEY' },
  },
  models: {
    'sora-2': { ...price, routes: [omixa, { account: 'apixo', upstreamModel: 'sora-2', costMicrosPerSecond: 80_000 }] },
    sora: { ...price, routes: [omixa] },
    reseller: { ...price, routes: [{ account: 'apixo', upstreamModel: 'sora-2', costMicrosPerSecond: 80_000 }] },
    old: { ...price, routes: [{ ...omixa, lifecycle: { status: 'retired' } }] },
  },
});

export const startApixo = (options: Parameters<typeof startApi>[0] = {}) =>
  startApi({ catalogue: apixoCatalogue, ...options });

/** The ids of one new job: ours and the one that its caller has. */
export async function submit(
  { post }: Pick<Awaited<ReturnType<Api['addWorkspace']>>, 'post'>,
  body: object = {},
): Promise<{ id: string; taskId: string }> {
  const response = await post(generate, { input: textToVideo, ...body });
  if (response.status !== 200) throw new Error(`not taken: ${await response.text()}`);
  const { data } = (await readJson(response)) as unknown as { data: { taskId: string } };
  return { id: data.taskId.replace('task_', 'job_'), taskId: data.taskId };
}

/** What a refused request must leave as it was. */
export async function tracesOf(api: Api, workspaceId: string) {
  return [await api.countJobs(), await api.countFiles(), api.wakeCount(), await api.ledger.balance(workspaceId)];
}

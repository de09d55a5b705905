import autocannon from 'autocannon';

export type Load = { perSecond: number; p99Ms: number; refused: number };

type Request = { url: string; apiKey: string; method: 'GET' | 'POST'; body?: object };

const CONNECTIONS = 16;
const WARM_UP_SECONDS = 2;
const SECONDS = 8;

/** As many requests as the server answers, over a few connections, after a warm-up. */
export async function load(request: Request): Promise<Load> {
  await run(request, WARM_UP_SECONDS);
  const result = await run(request, SECONDS);
  return {
    perSecond: result.requests.average,
    p99Ms: result.latency.p99,
    refused: result.non2xx + result.errors,
  };
}

function run({ url, apiKey, method, body }: Request, duration: number) {
  return autocannon({
    url,
    method,
    duration,
    connections: CONNECTIONS,
    headers: { authorization: `Bearer ${apiKey}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

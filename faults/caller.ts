import { z } from 'zod';
import { untilSeen, untilTaken } from './careful.js';
import type { AcceptedJob } from './cell.js';

const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  phase: z.string().nullable(),
  provider: z.string(),
  attempts: z.number(),
  error: z.object({ code: z.string() }).nullable(),
  provider_cancel: z.string().nullable(),
});
export type JobView = z.infer<typeof jobSchema>;

const ANSWER_WITHIN_MS = 15_000;
const endedStates = new Set(['succeeded', 'failed', 'canceled']);
export const isEnded = ({ status }: { status: string }) => endedStates.has(status);

export type Wanted = { prompt: string; idempotencyKey: string; more?: Record<string, unknown> };

type Address = { apiUrl: string; apiKey: string };

/** A careful caller: repeats what met a dead api, under the same key, until it has an answer. Each of its jobs has an address to tell its end to. */
export function createCaller(
  address: () => Address,
  { addressFor }: { addressFor: (idempotencyKey: string) => string },
) {
  const send = (method: string, path: string, init: { headers?: Record<string, string>; body?: string } = {}) => {
    const { apiUrl, apiKey } = address();
    return fetch(new URL(path, apiUrl), {
      method,
      ...init,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...init.headers },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  };

  /** The job as soon as it is like this; undefined when it is not in time. */
  const seen = (id: string, wanted: { as: (job: JobView) => boolean; withinMs: number }) =>
    untilSeen(() => send('GET', `/api/v1/videos/jobs/${id}`), { ...wanted, parse: (body) => jobSchema.parse(body) });

  return {
    send,

    /** One request for a job, whatever comes of it. */
    ask: ({ prompt, idempotencyKey, more }: Wanted) =>
      send('POST', '/api/v1/videos/jobs', {
        headers: { 'idempotency-key': idempotencyKey },
        body: JSON.stringify({ ...aRequest, callback_url: addressFor(idempotencyKey), ...more, prompt }),
      }),

    async create(wanted: Wanted): Promise<AcceptedJob> {
      const { id } = jobSchema.parse(await untilTaken(() => this.ask(wanted)));
      return { id, prompt: wanted.prompt, idempotencyKey: wanted.idempotencyKey };
    },

    /** The job as it ended; undefined when it did not in time. */
    ended: (id: string, withinMs: number) => seen(id, { withinMs, as: isEnded }),

    seen,

    /** Whether the wish was taken. */
    async cancel(id: string): Promise<boolean> {
      return (await send('POST', `/api/v1/videos/jobs/${id}/cancel`)).ok;
    },
  };
}

export type Caller = ReturnType<typeof createCaller>;

/** The cheapest job there is. */
const aRequest = {
  model: 'sora',
  video_operation: 'text_to_video',
  seconds: 1,
  size: '1280x720',
  wait_seconds: 0,
  poll_interval_seconds: 1,
};

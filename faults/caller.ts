import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
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
const TRY_AGAIN_MS = 100;
const GIVE_UP_AFTER_MS = 180_000;
/** The first looks tell the time that a job took; the later ones must not be a load of their own. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;
const LONGER_EACH_TIME = 1.2;
const endedStates = new Set(['succeeded', 'failed', 'canceled']);

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
  async function seen(id: string, { as: isIt, withinMs }: { as: (job: JobView) => boolean; withinMs: number }) {
    const giveUpAtMs = performance.now() + withinMs;
    for (let pauseMs = FIRST_PAUSE_MS; performance.now() < giveUpAtMs; pauseMs *= LONGER_EACH_TIME) {
      const response = await send('GET', `/api/v1/videos/jobs/${id}`).catch(() => undefined);
      if (response?.ok) {
        const job = jobSchema.parse(await response.json());
        if (isIt(job)) return job;
      }
      await pause(Math.min(pauseMs, LONGEST_PAUSE_MS));
    }
    return undefined;
  }

  return {
    send,

    /** One request for a job, whatever comes of it. */
    ask: ({ prompt, idempotencyKey, more }: Wanted) =>
      send('POST', '/api/v1/videos/jobs', {
        headers: { 'idempotency-key': idempotencyKey },
        body: JSON.stringify({ ...aRequest, callback_url: addressFor(idempotencyKey), ...more, prompt }),
      }),

    async create(wanted: Wanted): Promise<AcceptedJob> {
      const { prompt, idempotencyKey } = wanted;
      const giveUpAtMs = performance.now() + GIVE_UP_AFTER_MS;
      for (;;) {
        const response = await this.ask(wanted).catch(() => undefined);
        if (response?.status === 202) return { id: jobSchema.parse(await response.json()).id, prompt, idempotencyKey };
        if (response && response.status < 500 && response.status !== 409 && response.status !== 429) {
          throw new Error(`a job was refused: ${response.status} ${await response.text()}`);
        }
        if (performance.now() > giveUpAtMs) throw new Error('a job was not taken for minutes');
        await pause(TRY_AGAIN_MS);
      }
    },

    /** The job as it ended; undefined when it did not in time. */
    ended: (id: string, withinMs: number) => seen(id, { withinMs, as: ({ status }) => endedStates.has(status) }),

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

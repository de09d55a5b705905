import { setTimeout as pause } from 'node:timers/promises';

type Address = { apiUrl: string; apiKey: string };

/** A job as the native API answers it; only what the tests read. */
export type JobAnswer = {
  id: string;
  operation: string;
  provider: string;
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';
  phase: string | null;
  attempts: number;
  data: { url: string; bytes: number; sha256: string; width: number; height: number; duration_seconds: number }[];
  cost: { held: string; captured: string | null };
  provider_cancel: string | null;
  extension: 'native' | 'bridged' | null;
  error: { code: string; message: string } | null;
  links: { self: string; content: string | null; temporal?: string };
};

export type AttemptAnswer = { number: number; provider: string; state: string; charged?: string };

/** A caller of the native API with one key. A request that meets a restarting api is repeated, as a careful client would. */
export function createCaller({ apiUrl, apiKey }: Address) {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const url = (path: string) => new URL(path, apiUrl);

  async function read<Answer>(path: string): Promise<Answer> {
    for (;;) {
      const response = await fetch(url(path), { headers }).catch(() => undefined);
      if (response?.ok) return (await response.json()) as Answer;
      if (response && response.status < 500) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      await pause(100);
    }
  }

  const post = (path: string, body: unknown, more: Record<string, string> = {}) =>
    fetch(url(path), { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) });
  const job = (id: string) => read<JobAnswer>(`/api/v1/videos/jobs/${id}`);

  return {
    post,

    get: (path: string, more: Record<string, string> = {}) => fetch(url(path), { headers: { ...headers, ...more } }),

    async create(request: object, idempotencyKey?: string): Promise<JobAnswer> {
      const more: Record<string, string> = idempotencyKey ? { 'idempotency-key': idempotencyKey } : {};
      const response = await post('/api/v1/videos/jobs', request, more);
      if (response.status !== 202) throw new Error(`create: ${response.status} ${await response.text()}`);
      return (await response.json()) as JobAnswer;
    },

    job,
    attempts: async (id: string) => (await read<{ data: AttemptAnswer[] }>(`/api/v1/videos/jobs/${id}/attempts`)).data,

    /** Reads the job until `condition` holds. */
    untilJob,

    untilEnded: (id: string) => untilJob(id, isEnded),
  };

  async function untilJob(id: string, condition: (job: JobAnswer) => boolean): Promise<JobAnswer> {
    for (;;) {
      const current = await job(id);
      if (condition(current)) return current;
      if (isEnded(current)) throw new Error(`the job ended meanwhile: ${JSON.stringify(current)}`);
      await pause(25);
    }
  }
}

const isEnded = ({ status }: JobAnswer) => ['succeeded', 'failed', 'canceled'].includes(status);

/** A short text-to-video job; the prompt tells it apart from every other. */
export function aRequest(changes: Record<string, unknown> = {}) {
  return {
    model: 'sora',
    prompt: 'a paper boat on a lake',
    video_operation: 'text_to_video',
    seconds: 1,
    size: '1280x720',
    wait_seconds: 0,
    poll_interval_seconds: 1,
    ...changes,
  };
}

import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const videoSchema = z.object({ url: z.string(), bytes: z.number() });

/** A job as the native API answers it; only what the demo shows. */
const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  phase: z.string().nullable(),
  progress: z.number().nullable(),
  provider: z.string(),
  data: z.array(videoSchema),
  cost: z.object({ currency: z.string(), held: z.string(), captured: z.string().nullable() }),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  links: z.object({ self: z.string(), temporal: z.string().optional() }),
});
export type DemoJob = z.infer<typeof jobSchema>;

const problemSchema = z.object({ code: z.string().optional(), title: z.string(), detail: z.string().optional() });

const LOOK_EVERY_MS = 200;

/** The few calls of a caller who waits for one job. */
export function createDemoCaller({ apiUrl, apiKey }: { apiUrl: string; apiKey: string }) {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };

  return {
    async create(request: object): Promise<DemoJob> {
      const response = await fetch(new URL('/api/v1/videos/jobs', apiUrl), {
        method: 'POST',
        headers: { ...headers, 'idempotency-key': randomUUID() },
        body: JSON.stringify(request),
      });
      return jobSchema.parse(await readAnswer(response));
    },

    /** The job a moment later. An api that is just being started again is waited for. */
    async next(job: DemoJob): Promise<DemoJob> {
      for (;;) {
        await pause(LOOK_EVERY_MS);
        const response = await fetch(job.links.self, { headers }).catch(() => undefined);
        if (response && response.status < 500) return jobSchema.parse(await readAnswer(response));
        await response?.body?.cancel();
      }
    },

    save: (video: z.infer<typeof videoSchema>, file: string) => save(new URL(video.url), { file }),
  };
}

export async function save(url: URL, { file, headers = {} }: { file: string; headers?: Record<string, string> }) {
  const response = await fetch(url, { headers });
  if (!response.ok || !response.body) throw new Error(`the video could not be read: ${response.status}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(file));
}

/** The body of an answer. One that is no success is thrown, in its own words. */
export async function readAnswer(response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  if (response.ok) return body;
  const problem = problemSchema.safeParse(body);
  const words = problem.success
    ? [problem.data.code, problem.data.detail ?? problem.data.title]
    : [JSON.stringify(body)];
  throw new Error(['the api answered', response.status, ...words.filter(Boolean)].join(' '));
}

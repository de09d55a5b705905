import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { createCaller } from './caller.js';

type Caller = ReturnType<typeof createCaller>;

const path = '/api/v1/videos/pipelines';

/** A pipeline as the native API answers it; only what the tests read. */
const filmSchema = z.object({
  id: z.string(),
  status: z.string(),
  run: z.number(),
  cost: z.object({ quoted: z.string(), reserved: z.string(), held: z.string(), captured: z.string() }),
  error: z.object({ step: z.string(), code: z.string() }).nullable(),
  steps: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      status: z.string(),
      job: z
        .object({
          id: z.string(),
          status: z.string(),
          phase: z.string().nullable(),
          provider: z.string(),
          extension: z.string().nullable(),
        })
        .nullable(),
      data: z.array(z.object({ url: z.string(), content_type: z.string(), duration_seconds: z.number().nullable() })),
      cost: z.object({ captured: z.string() }),
    }),
  ),
});
export type Film = z.infer<typeof filmSchema>;

/** What a caller does with pipelines, through whatever happens to the api meanwhile. */
export function createFilmCaller({ post, get }: Caller) {
  async function read(id: string): Promise<Film> {
    for (;;) {
      const response = await get(`${path}/${id}`).catch(() => undefined);
      if (response?.ok) return filmSchema.parse(await response.json());
      await pause(100);
    }
  }

  async function until(id: string, condition: (film: Film) => boolean): Promise<Film> {
    for (;;) {
      const film = await read(id);
      if (condition(film)) return film;
      if (isEnded(film)) throw new Error(`the pipeline ended meanwhile: ${JSON.stringify(film)}`);
      await pause(20);
    }
  }

  async function send(at: string, body: object): Promise<Film> {
    const response = await post(`${path}${at}`, body);
    if (response.status !== 202) throw new Error(`${at}: ${response.status} ${await response.text()}`);
    return filmSchema.parse(await response.json());
  }

  return {
    create: (body: object) => send('', body),
    read,
    until,
    untilEnded: (id: string) => until(id, isEnded),
    approve: (id: string, step: string) => send(`/${id}/approve`, { step }),
    cancel: (id: string) => send(`/${id}/cancel`, {}),
    retry: (id: string, body: object = {}) => send(`/${id}/retry`, body),
  };
}

export function stepOf(film: Film, name: string): Film['steps'][number] {
  const step = film.steps.find((one) => one.name === name);
  if (!step) throw new Error(`no step ${name}`);
  return step;
}

function isEnded({ status }: Film): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'canceled';
}

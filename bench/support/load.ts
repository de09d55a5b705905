import { setTimeout as pause } from 'node:timers/promises';
import type { Stack } from './stack.js';

/** Runs `work` for each of `count`, `atOnce` at a time. */
export async function times(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** The request of every bench: a second of video that the sandbox answers at once. */
export const quickRequest = {
  model: 'sora',
  prompt: 'a bench',
  seconds: 1,
  size: '1280x720',
  wait_seconds: 0,
  poll_interval_seconds: 1,
};

export async function createJob({ apiUrl, apiKey }: Stack, request: object = quickRequest): Promise<string> {
  const response = await fetch(new URL('/api/v1/videos/jobs', apiUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const body: unknown = await response.json();
  if (response.status !== 202 || typeof body !== 'object' || body === null || !('id' in body)) {
    throw new Error(`create answered ${response.status}: ${JSON.stringify(body)}`);
  }
  return String(body.id);
}

const LOOK_EVERY_MS = 100;

export async function untilEnded({ apiUrl, apiKey }: Stack, id: string): Promise<void> {
  const headers = { authorization: `Bearer ${apiKey}` };
  for (;;) {
    const response = await fetch(new URL(`/api/v1/videos/jobs/${id}`, apiUrl), { headers });
    if (/"status":"(succeeded|failed|canceled)"/.test(await response.text())) return;
    await pause(LOOK_EVERY_MS);
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import { readAnswer, save } from './demo-caller.js';
import type { DialectDemo, Standing } from './demo-dialects.js';

const LOOK_EVERY_MS = 200;

type Settings = {
  demo: DialectDemo;
  apiUrl: string;
  apiKey: string;
  /** Told where the job stands, as often as it is asked. */
  show: (standing: Standing) => void;
};

/** One job from its request to its file, as a client of that vendor does it. */
export function createServedDemo({ demo, apiUrl, apiKey, show }: Settings) {
  const headers = demo.headers(apiKey);

  return {
    async create(): Promise<string> {
      const response = await fetch(new URL(demo.create.path, apiUrl), {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(demo.create.body),
      });
      return demo.idOf(await readAnswer(response));
    },

    /** Resolves with the address of its video. An api that is just being started again is waited for. */
    async untilDone(id: string): Promise<string> {
      for (;;) {
        await pause(LOOK_EVERY_MS);
        const response = await fetch(new URL(demo.look(id), apiUrl), { headers }).catch(() => undefined);
        if (!response || response.status >= 500) {
          await response?.body?.cancel();
          continue;
        }
        const answer = await readAnswer(response);
        const standing = demo.read(answer);
        show(standing);
        if (standing.outcome === 'lost')
          throw new Error(`the job ended as ${standing.status}: ${JSON.stringify(answer)}`);
        if (standing.outcome === 'done' && standing.video) return standing.video;
      }
    },

    /** Our links need no key, and another origin is shown none. */
    save(video: string, file: string): Promise<void> {
      const url = new URL(video, apiUrl);
      return save(url, { file, headers: video.startsWith('/') ? headers : {} });
    },
  };
}

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MediaProcess } from '../media/process.js';

/** What a task is to show. */
export type Wish = {
  operation: string;
  prompt: string;
  width: number;
  height: number;
  seconds: number;
  upstreamModel: string;
  /** Images at addresses, which the vendor fetches. */
  imageUrls?: readonly string[];
  callbackUrl?: string;
  /** The task whose video this one continues or changes. */
  sourceId?: string;
  /** Where not all of it is paid for: an extension shows its source too. */
  billedSeconds?: number;
};

const FRAMES_PER_SECOND = 24;

/** Real MP4 files, each drawn once and kept, so that load costs nothing after the first. */
export function createClips({ media, folder }: { media: MediaProcess; folder: string }) {
  const drawing = new Map<string, Promise<string>>();
  /** One after the other: each drawing keeps a codec and its frames in memory. */
  let turn: Promise<unknown> = Promise.resolve();
  mkdirSync(folder, { recursive: true });

  return {
    clipFor({ operation, prompt, upstreamModel, width, height, seconds }: Wish): Promise<string> {
      const spec = {
        width,
        height,
        seconds,
        framesPerSecond: FRAMES_PER_SECOND,
        title: operation,
        prompt,
        detail: `sandbox · ${upstreamModel}`,
      };
      const name = createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 32);
      const path = join(folder, `${name}.mp4`);
      const known = drawing.get(path);
      if (known) return known;
      const drawn = existsSync(path) ? Promise.resolve(path) : inTurn({ ...spec, path });
      drawing.set(path, drawn);
      // A clip that could not be drawn is tried again by the next task that wants it.
      drawn.catch(() => drawing.delete(path));
      return drawn;
    },
  };

  function inTurn(spec: Parameters<MediaProcess['drawClip']>[0]): Promise<string> {
    const drawn = turn.then(() => media.drawClip(spec)).then(() => spec.path);
    turn = drawn.catch(() => {});
    return drawn;
  }
}

export type Clips = ReturnType<typeof createClips>;

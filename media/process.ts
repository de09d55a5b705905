import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import type { VideoFacts } from '../contract/artifact.js';
import { type MediaChild, startMediaChild } from './media-child.js';
import { MediaError } from './media-error.js';
import type { ClipSpec, Drawing, MediaAnswer, MediaRequest } from './messages.js';

export type MediaProcess = {
  /** Draws a clip; the file appears whole or not at all. */
  drawClip(clip: ClipSpec): Promise<void>;
  /** What a video file says of itself. Throws a `MediaError`, with the reason `not_a_video` where the file is none. */
  probeVideo(path: string): Promise<VideoFacts>;
  /** One frame of a video as WebP, at most 1280 pixels long or high. Fails as `probeVideo` does; the file appears whole or not at all. */
  drawThumbnail(drawing: Drawing): Promise<void>;
  /** Twenty frames of a video as one JPEG, 5 by 4. Fails as `probeVideo` does; the file appears whole or not at all. */
  drawSpritesheet(drawing: Drawing): Promise<void>;
  /** Ends at once: what is under way or waiting is rejected with the reason `closed`. */
  close(): Promise<void>;
};

type Settings = {
  /** Of one probe or picture, once it is its turn. */
  timeoutMs?: number;
  drawTimeoutMs?: number;
  /** Of the JavaScript heap of each child. */
  memoryLimitMb?: number;
  /** Children at work at the same time; more work waits for its turn. */
  maxConcurrent?: number;
};

type Waiting = { start: () => void; reject: (error: MediaError) => void };

/**
 * Video work in child processes, started when first needed. Each does one thing at a time: a hostile file that hangs its child, or eats its
 * memory, ends that child and fails that call alone, and the next work gets a fresh one.
 */
export function createMediaProcess({
  timeoutMs = 20_000,
  drawTimeoutMs = 180_000,
  memoryLimitMb = 512,
  maxConcurrent = 2,
}: Settings = {}): MediaProcess {
  const children = new Set<MediaChild>();
  const idle: MediaChild[] = [];
  const waiting: Waiting[] = [];
  let running = 0;
  let isClosed = false;

  return {
    drawClip: (clip) => appearing(clip.path, (path) => ask({ kind: 'draw', clip: { ...clip, path } }, drawTimeoutMs)),

    drawThumbnail: ({ path, to }) => appearing(to, (part) => ask({ kind: 'thumbnail', path, to: part }, timeoutMs)),

    drawSpritesheet: ({ path, to }) => appearing(to, (part) => ask({ kind: 'spritesheet', path, to: part }, timeoutMs)),

    async probeVideo(path) {
      const answer = await ask({ kind: 'probe', path }, timeoutMs);
      if (answer.outcome !== 'probed') throw new MediaError('failed', 'the media process answered another question');
      return answer.facts;
    },

    async close() {
      isClosed = true;
      for (const { reject } of waiting.splice(0)) reject(closed());
      await Promise.all([...children].map((child) => child.stop()));
    },
  };

  async function ask(request: MediaRequest, limitMs: number): Promise<MediaAnswer> {
    await turn();
    try {
      if (isClosed) throw closed();
      const answer = await withChild((child) => child.run(request, limitMs));
      if (answer.outcome === 'failed') throw new MediaError(answer.reason, answer.message);
      return answer;
    } finally {
      const next = waiting.shift();
      if (next) next.start();
      else running -= 1;
    }
  }

  async function withChild(work: (child: MediaChild) => Promise<MediaAnswer>): Promise<MediaAnswer> {
    const child = idleChild() ?? startChild();
    try {
      return await work(child);
    } finally {
      if (child.isAlive()) idle.push(child);
      else children.delete(child);
    }
  }

  async function turn(): Promise<void> {
    if (isClosed) throw closed();
    if (running < maxConcurrent) running += 1;
    else await new Promise<void>((start, reject) => waiting.push({ start, reject }));
  }

  function idleChild(): MediaChild | undefined {
    for (let child = idle.pop(); child; child = idle.pop()) {
      if (child.isAlive()) return child;
      children.delete(child);
    }
    return undefined;
  }

  function startChild(): MediaChild {
    const child = startMediaChild({ memoryLimitMb });
    children.add(child);
    return child;
  }
}

/** Has a file drawn under another name, and named when it is whole. */
async function appearing(path: string, draw: (temporaryPath: string) => Promise<unknown>): Promise<void> {
  // Named here and not by the child, so that it is cleared away also when the child is killed.
  const temporaryPath = `${path}.${randomUUID()}.part`;
  try {
    await draw(temporaryPath);
    await rename(temporaryPath, path);
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

function closed(): MediaError {
  return new MediaError('closed', 'the media process was closed');
}

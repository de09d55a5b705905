import { type MediaChild, type RunOptions, startMediaChild } from './media-child.js';
import { MediaError } from './media-error.js';
import type { MediaAnswer, MediaRequest } from './messages.js';

export type MediaPool = {
  run(request: MediaRequest, options: RunOptions): Promise<MediaAnswer>;
  /** Ends at once: what is under way or waiting is rejected with the reason `closed`. */
  close(): Promise<void>;
};

type Settings = {
  /** Of the JavaScript heap of each child. */
  memoryLimitMb: number;
  /** Of all memory of each child, codecs and pictures included. */
  residentLimitMb: number;
  maxConcurrent: number;
};

type Waiting = { start: () => void; reject: (error: unknown) => void };

/** Children that are started when first needed, each at work on one thing at a time; more work waits for its turn. */
export function createMediaPool({ maxConcurrent, ...memory }: Settings): MediaPool {
  const children = new Set<MediaChild>();
  const idle: MediaChild[] = [];
  const waiting = new Set<Waiting>();
  let running = 0;
  let isClosed = false;

  return {
    async run(request, options) {
      await turn(options.signal);
      try {
        if (isClosed) throw closed();
        return await withChild((child) => child.run(request, options));
      } finally {
        running -= 1;
        const [next] = waiting;
        if (next) start(next);
      }
    },

    async close() {
      isClosed = true;
      for (const { reject } of waiting) reject(closed());
      waiting.clear();
      await Promise.all([...children].map((child) => child.stop()));
    },
  };

  async function turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (isClosed) throw closed();
    if (running < maxConcurrent) {
      running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const withdraw = () => {
        waiting.delete(place);
        reject(signal?.reason);
      };
      const place: Waiting = {
        start() {
          signal?.removeEventListener('abort', withdraw);
          resolve();
        },
        reject,
      };
      waiting.add(place);
      signal?.addEventListener('abort', withdraw, { once: true });
    });
  }

  function start(place: Waiting): void {
    waiting.delete(place);
    running += 1;
    place.start();
  }

  async function withChild(work: (child: MediaChild) => Promise<MediaAnswer>): Promise<MediaAnswer> {
    const child = idleChild() ?? startChild();
    try {
      return await work(child);
    } finally {
      if (child.isFresh()) idle.push(child);
      else void child.stop().then(() => children.delete(child));
    }
  }

  function idleChild(): MediaChild | undefined {
    for (let child = idle.pop(); child; child = idle.pop()) {
      if (child.isAlive()) return child;
      children.delete(child);
    }
    return undefined;
  }

  function startChild(): MediaChild {
    const child = startMediaChild(memory);
    children.add(child);
    return child;
  }
}

function closed(): MediaError {
  return new MediaError('closed', 'the media process was closed');
}

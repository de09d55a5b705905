import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VideoFacts } from '../contract/artifact.js';
import type { ClipSpec, MediaAnswer, MediaRequest } from './messages.js';

export type MediaProcess = {
  /** Draws a clip to a file. */
  drawClip(clip: ClipSpec): Promise<void>;
  /** What a video file says of itself. Rejects for what is no video, and for a file that takes too long to read. */
  probeVideo(path: string): Promise<VideoFacts>;
  close(): Promise<void>;
};

type Settings = { timeoutMs?: number; memoryLimitMb?: number };
type Work = MediaRequest extends infer Request ? (Request extends { id: number } ? Omit<Request, 'id'> : never) : never;
type Waiting = { resolve: (answer: MediaAnswer) => void; reject: (error: Error) => void; timer: NodeJS.Timeout };

/**
 * Video work in a child process of its own, started when it is first needed: a hostile file that hangs it, or eats its memory, ends that
 * process and the work it had, and the next work gets a fresh one.
 */
export function createMediaProcess({ timeoutMs = 60_000, memoryLimitMb = 1_024 }: Settings = {}): MediaProcess {
  const waiting = new Map<number, Waiting>();
  let child: ChildProcess | undefined;
  let lastId = 0;

  return {
    async drawClip(clip) {
      await ask({ kind: 'draw', clip });
    },
    async probeVideo(path) {
      const answer = await ask({ kind: 'probe', path });
      if (answer.outcome !== 'probed') throw new Error('the media process answered another question');
      return answer.facts;
    },
    async close() {
      child?.disconnect();
      child = undefined;
    },
  };

  async function ask(work: Work): Promise<MediaAnswer> {
    lastId += 1;
    const id = lastId;
    const to = child ?? start();
    const answer = await new Promise<MediaAnswer>((resolve, reject) => {
      const timer = setTimeout(() => end(to, `the media process took longer than ${timeoutMs} ms`), timeoutMs);
      waiting.set(id, { resolve, reject, timer });
      to.send({ id, ...work } satisfies MediaRequest);
    });
    if (answer.outcome === 'failed') throw new Error(answer.message);
    return answer;
  }

  function start(): ChildProcess {
    const started = fork(childModule(), {
      execArgv: [`--max-old-space-size=${memoryLimitMb}`],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    started.on('message', (answer: MediaAnswer) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      clearTimeout(asked?.timer);
      asked?.resolve(answer);
    });
    started.once('exit', (code, signal) => end(started, `the media process ended (${signal ?? code})`));
    child = started;
    return started;
  }

  function end(ended: ChildProcess, reason: string): void {
    if (child !== ended) return;
    child = undefined;
    ended.kill('SIGKILL');
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer);
      reject(new Error(reason));
    }
    waiting.clear();
  }
}

/** The compiled child, also when this file itself runs from its source. */
function childModule(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'child.js');
  return existsSync(beside) ? beside : join(here, '..', 'dist', 'media', 'child.js');
}

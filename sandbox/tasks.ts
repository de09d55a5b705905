import { randomBytes } from 'node:crypto';
import type { Logger } from '../runtime/logger.js';
import type { Clips, Wish } from './clips.js';

/** What becomes of a task, whatever its caller was told. */
export type Fate = 'succeed' | 'fail_internal' | 'fail_moderation' | 'stall' | 'succeed_without_url';

export type Task = Wish & {
  id: string;
  account: string;
  fate: Fate;
  createdAtMs: number;
  /** When its time is over; it is done when the clip is drawn too. */
  endsAtMs: number;
  doneAtMs?: number;
  clipPath?: string;
  /** In the address of its file; a fresh one after the old was expired. */
  token: string;
};

/** Where a task stands now, in no vendor's words. */
export type Standing =
  | { state: 'queued' }
  | { state: 'processing'; progress: number }
  | { state: 'done'; fileUrl?: string }
  | { state: 'failed'; reason: 'internal' | 'moderation' };

const LIFE_MS = 8_000;
const QUEUED_SHARE = 0.15;
const ALMOST_DONE = 99;
const KEPT_PROMPT = 'one kept clip for every prompt';

type Deps = { clips: Clips; logger: Logger; speed: number; baseUrl: () => string };

export function createTasks({ clips, logger, speed: initialSpeed, baseUrl }: Deps) {
  const tasks = new Map<string, Task>();
  const byToken = new Map<string, Task>();
  let speed = initialSpeed;

  return {
    setSpeed(value: number): void {
      speed = value;
    },

    create(wish: Wish & { account: string; id: string }, fate: Fate = 'succeed'): Task {
      const now = Date.now();
      const isInstant = speed === 0;
      const task: Task = {
        ...wish,
        fate,
        createdAtMs: now,
        endsAtMs: isInstant ? now : now + LIFE_MS / speed,
        token: '',
      };
      tasks.set(task.id, task);
      renewToken(task);
      const drawn = clips.clipFor(isInstant ? { ...wish, prompt: KEPT_PROMPT } : wish);
      drawn.then(
        (path) => {
          task.clipPath = path;
          task.doneAtMs = Math.max(task.endsAtMs, Date.now());
        },
        (error: unknown) => logger.error({ err: error, task: task.id }, 'a clip could not be drawn'),
      );
      return task;
    },

    find: (id: string): Task | undefined => tasks.get(id),
    findByToken: (token: string): Task | undefined => byToken.get(token),
    all: (): Task[] => [...tasks.values()],

    /** The address that was given out no longer works; the next look gives a fresh one. */
    expireLink(task: Task): void {
      byToken.delete(task.token);
      renewToken(task);
    },

    standing(task: Task): Standing {
      const now = Date.now();
      const share =
        task.endsAtMs === task.createdAtMs ? 1 : (now - task.createdAtMs) / (task.endsAtMs - task.createdAtMs);
      if (share < QUEUED_SHARE) return { state: 'queued' };
      const isOver = now >= task.endsAtMs && task.clipPath !== undefined;
      if (!isOver || task.fate === 'stall')
        return { state: 'processing', progress: Math.min(ALMOST_DONE, Math.floor(share * 100)) };
      if (task.fate === 'fail_internal') return { state: 'failed', reason: 'internal' };
      if (task.fate === 'fail_moderation') return { state: 'failed', reason: 'moderation' };
      if (task.fate === 'succeed_without_url') return { state: 'done' };
      return { state: 'done', fileUrl: `${baseUrl()}/${task.account}/files/${task.token}.mp4` };
    },
  };

  function renewToken(task: Task): void {
    task.token = randomBytes(16).toString('hex');
    byToken.set(task.token, task);
  }
}

export type Tasks = ReturnType<typeof createTasks>;

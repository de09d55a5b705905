import { randomBytes } from 'node:crypto';
import type { Logger } from '../runtime/logger.js';
import type { Clips, Wish } from './clips.js';
import { createLifeClock } from './life-clock.js';

/** Why a task was lost. */
export type Loss = 'internal' | 'moderation' | 'image';

/** What becomes of a task, whatever its caller was told. */
export type Fate =
  | { kind: 'succeed' }
  | { kind: 'succeed_at_once' }
  | { kind: 'fail'; loss: Loss }
  | { kind: 'stall' }
  /** `hiddenLooks` looks at the finished task see no address; `null` is all of them. */
  | { kind: 'succeed_without_url'; hiddenLooks: number | null };

export type Task = Wish & {
  id: string;
  account: string;
  /** Below it lies all that the account is told. */
  accountUrl: string;
  fate: Fate;
  createdAtMs: number;
  bornAtLifeMs: number;
  /** Resolves when its clip is drawn, or is known never to be. */
  prepared: Promise<void>;
  preparedAtMs?: number;
  clipPath?: string;
  /** When its time was over and its clip drawn. */
  doneAtMs?: number;
  /** In the address of its file; a fresh one after the old was expired. */
  token: string;
};

/** Where a task stands now, in no vendor's words. */
export type Standing =
  /** `endsInMs` is absent where nobody can say: it is overdue, or it stalls. */
  | { state: 'queued' | 'processing'; progress: number; endsInMs?: number }
  | { state: 'done'; fileUrl?: string }
  | { state: 'failed'; loss: Loss };

/** A task and where it stands now. */
export type Known = { task: Task; standing: Standing };

const LIFE_MS = 8_000;
const QUEUED_SHARE = 0.15;
const ALMOST_DONE = 99;
/** What a shared clip shows: every task of its shape has the same. */
const SHARED = { operation: 'any operation', prompt: 'One kept clip for every prompt', upstreamModel: 'any model' };

type Deps = {
  clips: Clips;
  logger: Logger;
  speed: number;
  /** One clip for all prompts of the same shape, as at speed 0: for tests that care about bytes, not about pictures. */
  sharesClips: boolean;
  baseUrl: () => string;
  /** Whether the images of a wish can be fetched and are images. */
  canUseImages: (urls: readonly string[]) => Promise<boolean>;
};
type NewTask = { wish: Wish; account: string; id: string; fate: Fate };

export function createTasks({ clips, logger, speed, sharesClips, baseUrl, canUseImages }: Deps) {
  const tasks = new Map<string, Task>();
  const byToken = new Map<string, Task>();
  const clock = createLifeClock(speed);

  return {
    setSpeed(value: number): void {
      // What is over stays over, however time passes from now on.
      for (const task of tasks.values()) settle(task);
      clock.setSpeed(value);
    },

    create({ wish, account, id, fate }: NewTask): Task {
      const task: Task = {
        ...wish,
        id,
        account,
        accountUrl: `${baseUrl()}/${account}`,
        fate,
        createdAtMs: Date.now(),
        bornAtLifeMs: clock.nowMs(),
        prepared: Promise.resolve(),
        token: '',
      };
      tasks.set(id, task);
      renewToken(task);
      const isShared = sharesClips || clock.isInstant();
      task.prepared = prepare(task, isShared ? { ...wish, ...SHARED } : wish);
      return task;
    },

    /** A task of this account, and where it stands. */
    known: (account: string, id: string): Known | undefined => {
      const task = tasks.get(id);
      return task?.account === account ? { task, standing: standing(task) } : undefined;
    },
    knownOf: (account: string): Known[] =>
      [...tasks.values()]
        .filter((task) => task.account === account)
        .map((task) => ({ task, standing: standing(task) })),
    remove(task: Task): void {
      tasks.delete(task.id);
      byToken.delete(task.token);
    },
    findByToken: (account: string, token: string): Task | undefined => {
      const task = byToken.get(token);
      return task?.account === account ? task : undefined;
    },
    all: (): Task[] => [...tasks.values()],

    /** The address that was given out no longer works; the next look gives a fresh one. */
    expireLink(task: Task): void {
      byToken.delete(task.token);
      renewToken(task);
    },

    standing,

    /** Where a task stands, as a look shows it: an address may be kept back for some looks. */
    lookedAt(task: Task): Standing {
      const shown = standing(task);
      const { fate } = task;
      if (shown.state === 'done' && fate.kind === 'succeed_without_url' && fate.hiddenLooks !== null) {
        const hiddenLooks = fate.hiddenLooks - 1;
        task.fate = hiddenLooks > 0 ? { kind: 'succeed_without_url', hiddenLooks } : { kind: 'succeed' };
      }
      return shown;
    },
  };

  async function prepare(task: Task, shown: Wish): Promise<void> {
    try {
      if (shown.imageUrls && !(await canUseImages(shown.imageUrls))) task.fate = { kind: 'fail', loss: 'image' };
      task.clipPath = await clips.clipFor(shown);
    } catch (error) {
      logger.error({ err: error, task: task.id }, 'a clip could not be drawn');
      task.fate = { kind: 'fail', loss: 'internal' };
    }
    task.preparedAtMs = Date.now();
  }

  function standing(task: Task): Standing {
    settle(task);
    if (task.doneAtMs === undefined) {
      const livedMs = clock.nowMs() - task.bornAtLifeMs;
      const progress = Math.min(ALMOST_DONE, Math.floor((livedMs / LIFE_MS) * 100));
      const state = livedMs < LIFE_MS * QUEUED_SHARE && !clock.isInstant() ? 'queued' : 'processing';
      const canSay = task.fate.kind !== 'stall' && (clock.isInstant() || livedMs < LIFE_MS);
      return { state, progress, ...(canSay && { endsInMs: clock.realMs(LIFE_MS - livedMs) }) };
    }
    if (task.fate.kind === 'fail') return { state: 'failed', loss: task.fate.loss };
    if (task.fate.kind === 'succeed_without_url') return { state: 'done' };
    return { state: 'done', fileUrl: `${task.accountUrl}/files/${task.token}.mp4` };
  }

  /** Notes the end of a task that has come to it. */
  function settle(task: Task): void {
    if (task.doneAtMs !== undefined || task.fate.kind === 'stall' || task.preparedAtMs === undefined) return;
    const isDue = clock.isInstant() || task.fate.kind === 'succeed_at_once';
    const overForMs = clock.nowMs() - task.bornAtLifeMs - LIFE_MS;
    if (isDue) task.doneAtMs = task.preparedAtMs;
    else if (overForMs >= 0)
      task.doneAtMs = Math.max(Math.round(Date.now() - clock.realMs(overForMs)), task.preparedAtMs);
  }

  function renewToken(task: Task): void {
    task.token = randomBytes(16).toString('hex');
    byToken.set(task.token, task);
  }
}

export type Tasks = ReturnType<typeof createTasks>;

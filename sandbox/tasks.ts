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
  /** For ever, or until so many looks have seen it or that moment has come: then it ends well after all. */
  | { kind: 'stall'; looks?: number; endsAtMs?: number }
  /** `shownLooks` looks see it done, `hiddenLooks` after them at work again; `null` is all of them. */
  | { kind: 'go_back'; shownLooks: number; hiddenLooks: number | null }
  /** Each look at the finished task is told of another file than the one before. */
  | { kind: 'two_results' }
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
  /** Another film, for a task whose file is not always the same. */
  otherClipPath?: string;
  showsOtherClip: boolean;
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
const HALF_DONE = 50;
const ANOTHER_TAKE = { prompt: 'Another take, for whoever asks again' };
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
  /** What lies at an address: the film of that moment where a task has two results, else the one it shows now. */
  const byToken = new Map<string, { task: Task; isOther?: boolean }>();
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
        showsOtherClip: false,
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
      for (const [token, at] of byToken) if (at.task === task) byToken.delete(token);
    },
    /** The file at an address of this account. */
    findByToken(account: string, token: string): { task: Task; clipPath: string } | undefined {
      const at = byToken.get(token);
      if (at?.task.account !== account) return undefined;
      const clipPath = clipOf(at.task, at.isOther);
      return clipPath === undefined ? undefined : { task: at.task, clipPath };
    },
    clipOf,

    /** From now on the task's file is another one, at the same address. */
    async swapClip(task: Task): Promise<void> {
      task.otherClipPath ??= await clips.clipFor({ ...task, ...ANOTHER_TAKE });
      task.showsOtherClip = !task.showsOtherClip;
    },
    all: (): Task[] => [...tasks.values()],

    /** The address that was given out no longer works; the next look gives a fresh one. */
    expireLink(task: Task): void {
      byToken.delete(task.token);
      renewToken(task);
    },

    standing,

    /** Where a task stands, as a look shows it. What it sees may change what later looks see. */
    lookedAt(task: Task, { showsAddress }: { showsAddress: boolean }): Standing {
      const shown = standing(task);
      const isDone = shown.state === 'done';
      if (task.fate.kind === 'two_results' && isDone) {
        task.showsOtherClip = !task.showsOtherClip;
        renewToken(task);
      }
      if (showsAddress || task.fate.kind !== 'succeed_without_url') task.fate = fateAfterLook(task.fate, { isDone });
      return shown;
    },

    /** The same, for a call that wants the file. */
    askedForFile(task: Task): Standing {
      const shown = standing(task);
      const isDone = shown.state === 'done';
      if (task.fate.kind === 'succeed_without_url') task.fate = fateAfterLook(task.fate, { isDone });
      return shown;
    },
  };

  async function prepare(task: Task, shown: Wish): Promise<void> {
    try {
      if (shown.imageUrls && !(await canUseImages(shown.imageUrls))) task.fate = { kind: 'fail', loss: 'image' };
      task.clipPath = await clips.clipFor(shown);
      if (task.fate.kind === 'two_results') task.otherClipPath = await clips.clipFor({ ...shown, ...ANOTHER_TAKE });
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
    if (task.fate.kind === 'go_back' && task.fate.shownLooks === 0) return { state: 'processing', progress: HALF_DONE };
    if (task.fate.kind === 'succeed_without_url') return { state: 'done' };
    return { state: 'done', fileUrl: `${task.accountUrl}/files/${task.token}.mp4` };
  }

  function clipOf(task: Task, isOther = task.showsOtherClip): string | undefined {
    return isOther ? task.otherClipPath : task.clipPath;
  }

  /** Notes the end of a task that has come to it. */
  function settle(task: Task): void {
    if (task.fate.kind === 'stall' && Date.now() >= (task.fate.endsAtMs ?? Infinity)) task.fate = { kind: 'succeed' };
    if (task.doneAtMs !== undefined || task.fate.kind === 'stall' || task.preparedAtMs === undefined) return;
    const isDue = clock.isInstant() || task.fate.kind === 'succeed_at_once';
    const overForMs = clock.nowMs() - task.bornAtLifeMs - LIFE_MS;
    if (isDue) task.doneAtMs = task.preparedAtMs;
    else if (overForMs >= 0)
      task.doneAtMs = Math.max(Math.round(Date.now() - clock.realMs(overForMs)), task.preparedAtMs);
  }

  function renewToken(task: Task): void {
    task.token = randomBytes(16).toString('hex');
    const isOther = task.fate.kind === 'two_results' ? task.showsOtherClip : undefined;
    byToken.set(task.token, { task, isOther });
  }
}

/** What later looks see, after one that saw the task done or not. */
function fateAfterLook(fate: Fate, { isDone }: { isDone: boolean }): Fate {
  switch (fate.kind) {
    case 'stall':
      if (fate.looks === undefined) return fate;
      return fate.looks > 1 ? { ...fate, looks: fate.looks - 1 } : { kind: 'succeed' };
    case 'go_back':
      if (isDone) return { ...fate, shownLooks: fate.shownLooks - 1 };
      if (fate.shownLooks > 0 || fate.hiddenLooks === null) return fate;
      return fate.hiddenLooks > 1 ? { ...fate, hiddenLooks: fate.hiddenLooks - 1 } : { kind: 'succeed' };
    case 'succeed_without_url':
      if (!isDone || fate.hiddenLooks === null) return fate;
      return fate.hiddenLooks > 1 ? { ...fate, hiddenLooks: fate.hiddenLooks - 1 } : { kind: 'succeed' };
    default:
      return fate;
  }
}

export type Tasks = ReturnType<typeof createTasks>;

import type { Response } from 'express';
import type { Wish } from './clips.js';
import type { RefusalReason } from './scripts.js';
import type { Known, Loss, Standing, Task } from './tasks.js';

/** Why a request is not taken. Not every vendor shows the code, or which field it is about. */
export type Refusal = { status: number; code: string; message: string; param?: string };
export type Refused = { refusal: Refusal };

type Call = { body: unknown; path: Record<string, string> };
export type SubmitCall = Call & {
  header: (name: string) => string | undefined;
  /** Files of a form, by the name of their field. */
  files: ReadonlyMap<string, Buffer>;
  /** A task of this account. */
  find: (id: string) => Known | undefined;
};
export type ReadSubmit = { wish: Wish } | Refused;
/** Some vendors look at images before they answer. */
type SubmitRoute = { path: string; read(call: SubmitCall): ReadSubmit | Promise<ReadSubmit> };

export type LookCall = Call & { query: Record<string, unknown> };
type LookRoute = {
  method: 'get' | 'post';
  path: string;
  /** What a look asks for; the model too where the vendor wants both. */
  taskOf(call: LookCall): { id: string; upstreamModel?: string } | undefined;
};

/** Newest last, of one account. */
export type ListCall = { known: readonly Known[]; query: Record<string, unknown> };
export type ContentCall = Known & { query: Record<string, unknown> };

/** A vendor's wire format: its own reading of its document, independent of our adapters. Paths are those below the account's prefix. */
export type Vendor = {
  /** The header that is the key itself; a bearer token where it is left out. */
  keyHeader?: string;
  /** Whether it takes multipart forms beside JSON. */
  takesForms?: boolean;
  submits: readonly SubmitRoute[];
  looks: readonly LookRoute[];
  list?: { path: string; read(call: ListCall): { page: object } | Refused };
  /** `:id` in these two paths is the task's. */
  remove?: { path: string; read(known: Known): { removed: object } | Refused };
  /** Where files are had by the task's id. Its looks show no addresses. */
  content?: { path: string; refusalOf(call: ContentCall): Refusal | undefined };
  /** Shapes of ids differ: some are words, some numbers. */
  newTaskId(): string;
  /** For finding the fault that is planned for a call, valid or not. */
  promptOf(body: unknown): string;
  refusals: Record<RefusalReason, Refusal>;
  pricePerSecondMicros: number;
  /** Losses that this vendor does not charge. */
  freeLosses?: readonly Loss[];
  sendAccepted(response: Response, task: Task, standing: Standing): void;
  sendAcceptedWithoutId(response: Response, task: Task): void;
  sendStanding(response: Response, task: Task, standing: Standing): void;
  /** An answer with a status word that no page has named. */
  sendUnknownStatus(response: Response, task: Task): void;
  sendError(response: Response, error: Refusal): void;
  /** Whether callbacks are signed and go to one address of the account, and not to what a submit names. */
  signsCallbacks?: boolean;
  /** What is posted when a task has ended. */
  callbackBody?(task: Task, standing: Standing): object;
};

export const commonRefusals = {
  notFound: { status: 404, code: 'not_found', message: 'not found' },
  unreadable: { status: 400, code: 'invalid_request', message: 'the body cannot be read' },
  tooMany: { status: 429, code: 'rate_limit_exceeded', message: 'rate limit exceeded' },
  internal: { status: 500, code: 'internal_error', message: 'internal error' },
} as const satisfies Record<string, Refusal>;

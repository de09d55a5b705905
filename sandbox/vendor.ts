import type { Response } from 'express';
import type { Wish } from './clips.js';
import type { RefusalReason } from './scripts.js';
import type { Standing, Task } from './tasks.js';

/** Why a request is not taken. Not every vendor shows the code. */
export type Refusal = { status: number; code: string; message: string };

export type ReadSubmit = { wish: Wish } | { refusal: Refusal };

export type SubmitCall = {
  body: unknown;
  path: Record<string, string>;
  /** Whether this account has a task of this id. */
  hasTask: (id: string) => boolean;
};
export type LookCall = { body: unknown; query: Record<string, unknown>; path: Record<string, string> };

/** A vendor's wire format: its own reading of its document, independent of our adapters. */
export type Vendor = {
  /** Paths below the account's prefix, as Express writes them. */
  paths: { submit: string; look: string };
  lookMethods: readonly ('get' | 'post')[];
  /** Shapes of ids differ: some are words, some numbers. */
  newTaskId(): string;
  readSubmit(call: SubmitCall): ReadSubmit;
  /** For finding the fault that is planned for a call, valid or not. */
  promptOf(body: unknown): string;
  /** What a look asks for; the model too where the vendor wants both. */
  taskOf(call: LookCall): { id: string; upstreamModel?: string } | undefined;
  refusals: Record<RefusalReason, Refusal>;
  pricePerSecondMicros: number;
  sendAccepted(response: Response, task: Task, standing: Standing): void;
  sendAcceptedWithoutId(response: Response): void;
  sendStanding(response: Response, task: Task, standing: Standing): void;
  /** An answer with a status word that no page has named. */
  sendUnknownStatus(response: Response, task: Task): void;
  sendError(response: Response, error: Refusal): void;
  /** What is posted to the address that a submit asked to be called back at. */
  callbackBody?(task: Task, standing: Standing): object;
};

export const commonRefusals = {
  notFound: { status: 404, code: 'not_found', message: 'not found' },
  notJson: { status: 400, code: 'invalid_request', message: 'the body is not JSON' },
  tooMany: { status: 429, code: 'rate_limit_exceeded', message: 'rate limit exceeded' },
  internal: { status: 500, code: 'internal_error', message: 'internal error' },
} as const satisfies Record<string, Refusal>;

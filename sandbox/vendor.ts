import type { Response } from 'express';
import type { Wish } from './clips.js';
import type { RefusalReason } from './scripts.js';
import type { Standing, Task } from './tasks.js';

/** Why a request is not taken, in the words of the vendor's page. */
export type Refusal = { status: number; message: string };

export type ReadSubmit = { wish: Wish } | { refusal: Refusal };

/** A vendor's wire format: its own reading of its document, independent of our adapters. */
export type Vendor = {
  /** Paths below the account's prefix, as Express writes them. */
  paths: { submit: string; look: string };
  /** Shapes of ids differ: some are words, some numbers. */
  newTaskId(): string;
  readSubmit(body: Record<string, unknown>, path: Record<string, string>): ReadSubmit;
  promptOf(body: Record<string, unknown>): string;
  taskIdOf(query: Record<string, unknown>, body: Record<string, unknown>): string | undefined;
  refusals: Record<RefusalReason, Refusal>;
  pricePerSecondMicros: number;
  sendAccepted(response: Response, task: Task, standing: Standing): void;
  sendAcceptedWithoutId(response: Response): void;
  sendStanding(response: Response, task: Task, standing: Standing): void;
  sendUnknownStatus(response: Response, task: Task): void;
  sendError(response: Response, error: Refusal): void;
};

import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import { ServiceError } from '../contract/errors.js';
import { LookError } from '../contract/provider-errors.js';

/** "Not yet": Temporal retries after `nextLookInMs` and counts no error. What stands here is shown in its Web UI, so words and numbers only. */
export function notReady(message: string, nextLookInMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'NotReady',
    message,
    nextRetryDelay: nextLookInMs,
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** A step that went wrong in a way that may pass. Temporal runs it again; the workflow decides when that has gone on long enough. */
export function tryAgain(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message });
}

/**
 * What an unexpected error becomes for Temporal, to be retried. Its message and cause stay in our log: they may hold a prompt
 * or a signed address, and histories are read by more people than logs.
 */
export function temporalFailure(error: unknown): unknown {
  // A cancel is told as one: given back by a worker that stops, or asked for by the workflow, it is no failure of the step.
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof LookError) {
    const nextRetryDelay = error.failure.retryAfterMs;
    return ApplicationFailure.create({ type: error.failure.class, message: 'the look failed', nextRetryDelay });
  }
  if (error instanceof ServiceError)
    return ApplicationFailure.create({ type: error.code, message: 'a part of the service is away' });
  const name = error instanceof Error ? error.name : 'Error';
  return ApplicationFailure.create({ type: name, message: 'unexpected; the log of the worker says more' });
}

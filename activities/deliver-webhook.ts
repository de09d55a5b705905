import { Context } from '@temporalio/activity';
import { crashPoint } from '../runtime/crash-points.js';
import type { DeliveryToTry, WebhookTry } from '../store/webhook-deliveries.js';
import type { ActivityDeps } from './deps.js';
import { notReady } from './failure.js';
import { withHeartbeat } from './heartbeat.js';
import { postWebhook, type WebhookAnswer } from './post-webhook.js';

export type WebhookTryInput = {
  deliveryId: string;
  sending: number;
  /** Which try of the schedule, counted from 1. */
  step: number;
  target: string;
  /** When the next would be; null when this is the last. */
  nextInMs: number | null;
  timeoutMs: number;
  longestRetryAfterMs: number;
};

/**
 * `gone`: the address does not want it, and never will. `ended`: the delivery was sent anew or ended by somebody else, or has nobody left to
 * tell.
 */
export type WebhookVerdict =
  | { kind: 'again'; afterMs: number }
  | { kind: 'delivered' | 'exhausted' | 'gone' | 'ended' };

const GONE = 410;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/**
 * One try of a delivery. A run that dies after the other side's answer and before its row is repeated: the event arrives twice, under one
 * id.
 */
export async function deliverWebhook(deps: ActivityDeps, input: WebhookTryInput): Promise<WebhookVerdict> {
  const { deliveries, targets } = deps.webhooks;
  const { deliveryId, sending, step, target } = input;
  const delivery = await deliveries.load(deliveryId);
  if (delivery?.state !== 'pending' || delivery.sending !== sending) return { kind: 'ended' };
  // An earlier run of this step wrote its row, and its word to the workflow was lost.
  if (delivery.step >= step) return { kind: 'again', afterMs: Math.ceil(delivery.waitMs) };

  const leave = targets.enter(target);
  if (!leave) throw notReady('others are on their way to this address', pauseMs());
  try {
    return await withHeartbeat(() => tryOnce(deps, input, delivery));
  } finally {
    leave();
  }
}

async function tryOnce(
  deps: ActivityDeps,
  { deliveryId, sending, step, nextInMs, timeoutMs, longestRetryAfterMs }: WebhookTryInput,
  { url, event, secrets }: DeliveryToTry,
): Promise<WebhookVerdict> {
  const { deliveries, render } = deps.webhooks;
  const body = url === null ? undefined : await render(event);
  if (url === null || body === undefined) {
    await deliveries.cancel({ deliveryId, sending });
    return { kind: 'ended' };
  }
  const startedAtMs = performance.now();
  const { cancellationSignal: signal } = Context.current();
  const answer = await postWebhook(deps.fetchGuarded, { url, messageId: event.id, body, secrets, timeoutMs, signal });
  const durationMs = Math.round(performance.now() - startedAtMs);
  await crashPoint('S12', { jobId: event.subject.id });

  const { said } = answer;
  const verdict = judge(answer, { nextInMs, longestRetryAfterMs });
  const { queuedWebhooks } = await deliveries.record({
    deliveryId,
    sending,
    step,
    ...said,
    ...consequenceOf(verdict),
    startedAgoMs: Math.round(performance.now() - startedAtMs),
    durationMs,
  });
  if (queuedWebhooks > 0) deps.wakeDispatcher();
  const { status, error } = said;
  const tried = { deliveryId, messageId: event.id, subjectId: event.subject.id, step, status, error, durationMs };
  if (verdict.kind === 'exhausted' || verdict.kind === 'gone')
    deps.logger.warn(tried, 'a webhook could not be delivered');
  else deps.logger.debug(tried, 'webhook tried');
  return verdict;
}

type Schedule = Pick<WebhookTryInput, 'nextInMs' | 'longestRetryAfterMs'>;

function judge(
  { said: { status, error }, retryAfterMs = 0 }: WebhookAnswer,
  { nextInMs, longestRetryAfterMs }: Schedule,
): WebhookVerdict {
  if (error === null) return { kind: 'delivered' };
  if (status === GONE) return { kind: 'gone' };
  if (nextInMs === null) return { kind: 'exhausted' };
  // A wish for a later try is heeded, one for an earlier try is not.
  return { kind: 'again', afterMs: Math.max(nextInMs, Math.min(retryAfterMs, longestRetryAfterMs)) };
}

function consequenceOf(verdict: WebhookVerdict): Pick<WebhookTry, 'state' | 'nextInMs' | 'isGone'> {
  switch (verdict.kind) {
    case 'again':
      return { state: 'pending', nextInMs: verdict.afterMs, isGone: false };
    case 'delivered':
      return { state: 'delivered', nextInMs: null, isGone: false };
    case 'exhausted':
    case 'gone':
    case 'ended':
      return { state: 'exhausted', nextInMs: null, isGone: verdict.kind === 'gone' };
  }
}

/** Longer with each time that the address was busy, and never the same for two. */
function pauseMs(): number {
  const { attempt } = Context.current().info;
  const longestMs = Math.min(FIRST_WAIT_MS * 2 ** Math.min(attempt, 10), LONGEST_WAIT_MS);
  return Math.round(longestMs * (0.5 + Math.random() / 2));
}

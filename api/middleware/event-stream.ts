import type { Response } from 'express';

type StreamEvent = { id: number; type: string; data: object };

export type EventStream = {
  send: (event: StreamEvent) => void;
  /** There is no more to come. */
  end: () => void;
  /** There is more to come, from whoever is asked next. */
  endForNow: () => void;
};

type Options = { heartbeatMs?: number; maxUnreadBytes?: number; maxAgeMs?: number };

/** Proxies cut connections on which nothing moves, many of them after half a minute. */
const HEARTBEAT_MS = 15_000;
/** More than any one event has. Who leaves so much unread comes back for it, or does not. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** So long at most goes on what a key was let in for: then the caller comes back, with the key as it is by then. */
const MAX_AGE_MS = 15 * 60_000;
/** Those who are sent away together come back one after the other. */
const RETRY_FROM_MS = 500;
const RETRY_TO_MS = 2_500;

/**
 * Answers with server-sent events. Who does not read is cut off: what he has not read is kept in the database, not here, and waits there
 * for his next request.
 */
export function openEventStream(
  response: Response,
  { heartbeatMs = HEARTBEAT_MS, maxUnreadBytes = MAX_UNREAD_BYTES, maxAgeMs = MAX_AGE_MS }: Options = {},
): EventStream {
  response.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // Nginx would else collect events before it passes them on.
    'X-Accel-Buffering': 'no',
  });
  let unreadBytes = 0;
  const heartbeat = setInterval(() => {
    const isStuck = unreadBytes > 0 && response.writableLength >= unreadBytes;
    if (isStuck) response.destroy();
    else write(':\n\n');
    unreadBytes = response.writableLength;
  }, heartbeatMs);
  const end = (lastWords = '') => {
    if (!response.writableEnded && !response.destroyed) response.end(lastWords);
  };
  const endForNow = () => end(retryIn(RETRY_FROM_MS + Math.random() * (RETRY_TO_MS - RETRY_FROM_MS)));
  const age = setTimeout(endForNow, maxAgeMs);
  response.once('close', () => {
    clearInterval(heartbeat);
    clearTimeout(age);
  });
  write(retryIn(RETRY_FROM_MS));

  return {
    send: ({ id, type, data }) => write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`),
    end,
    endForNow,
  };

  function write(text: string): void {
    if (response.writableEnded || response.destroyed) return;
    response.write(text);
    if (response.writableLength > maxUnreadBytes) response.destroy();
  }
}

function retryIn(ms: number): string {
  return `retry: ${Math.round(ms)}\n\n`;
}

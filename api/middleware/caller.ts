import type { IncomingMessage } from 'node:http';
import type { Caller } from '../jobs.js';

const callers = new WeakMap<IncomingMessage, Caller>();

export function setCaller(request: IncomingMessage, caller: Caller): void {
  callers.set(request, caller);
}

/** Who is calling. Throws on a route that does not authenticate: that is a mistake of ours. */
export function callerOf(request: IncomingMessage): Caller {
  const caller = callers.get(request);
  if (!caller) throw new Error('this route does not authenticate its callers');
  return caller;
}

/** For the log, where a request may have been refused before its caller was known. */
export function knownCallerOf(request: IncomingMessage): Caller | undefined {
  return callers.get(request);
}

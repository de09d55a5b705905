import type { LookupFunction } from 'node:net';
import { FetchFailure } from '../../artifacts/fetch-failure.js';
import {
  createGuardedFetch,
  type GuardedFetch,
  type GuardedRequest,
  type GuardedResponse,
} from '../../artifacts/guarded-fetch.js';
import { type Script, type ScriptedServer, startScriptedServer } from '../providers/scripted-server.js';
import { someLimits } from './builders.js';

const closing: (() => Promise<void>)[] = [];

/** Ends what `serve` and `guard` began. */
export async function closeAll(): Promise<void> {
  await Promise.all(closing.splice(0).map((close) => close()));
}

export async function serve(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  closing.push(() => server.close());
  return server;
}

export function guard(settings: Partial<Parameters<typeof createGuardedFetch>[0]> = {}): GuardedFetch {
  const fetch = createGuardedFetch({ allowLoopbackPorts: [], ...settings });
  closing.push(() => fetch.close());
  return fetch;
}

export function aRequest(url: string, given: Partial<GuardedRequest> = {}): GuardedRequest {
  return { url, limits: someLimits(), signal: new AbortController().signal, ...given };
}

export async function read(fetch: GuardedFetch, url: string, given: Partial<GuardedRequest> = {}) {
  return readWhole(await fetch.get(aRequest(url, given)));
}

export async function readWhole(response: GuardedResponse) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return { ...response, text: Buffer.concat(chunks).toString() };
}

export async function reasonOf(exchange: Promise<unknown>) {
  const error = await exchange.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof FetchFailure) return error.reason;
  throw new Error('no FetchFailure was thrown', { cause: error });
}

/** A resolver whose answers are given, one after the other. */
export function resolver(answers: string[][]) {
  let asked = 0;
  const lookup: LookupFunction = (_hostname, _options, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { lookup, timesAsked: () => asked };
}

export const redirectTo =
  (location: string): Script =>
  (response) =>
    response.writeHead(302, { location }).end();

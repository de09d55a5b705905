import type { StoredObject } from '../contract/artifact.js';
import type { ResultSource } from '../contract/provider.js';
import { FetchFailure } from './fetch-failure.js';
import type { FetchLimits, GuardedFetch, GuardedResponse } from './guarded-fetch.js';
import { type Beginning, beginningOf, isContinuation, rangeHeaders } from './resume.js';
import type { ArtifactStore } from './store.js';
import { createVideoDraft, type VideoDraft } from './video-draft.js';

/** Transfers within one call, the first included. More is for the retry of the whole step, which may ask for a fresh address. */
const MAX_TRANSFERS = 3;

const goneStatuses = new Set([403, 404, 410]);

/** Of answers to a range: the file has changed or is shorter now. */
const rangeRefusedStatuses = new Set([206, 412, 416]);

/**
 * What came of a download. `expired`: the address no longer gives the file, a fresh one may. `unavailable`: the file could
 * not be fetched now. `invalid`: what is there is no complete MP4 file, or lies where nothing may be fetched.
 */
export type Download =
  | { outcome: 'stored'; stored: StoredObject; alreadyThere: boolean }
  | { outcome: 'expired' | 'unavailable' | 'invalid'; detail: string };

export type DownloadRequest = {
  source: ResultSource;
  fetch: GuardedFetch;
  store: ArtifactStore;
  /** Chosen by the caller, so that a second run of the same step finds what the first stored. */
  key: string;
  /** For all transfers together. */
  limits: FetchLimits;
  signal: AbortSignal;
  /** Told with each piece how many bytes are there, and of how many; of as many where the answer does not say. */
  onProgress?: (bytes: number, totalBytes: number) => unknown;
  /** The file is whole and has no name yet. */
  beforeCommit?: () => Promise<void> | undefined;
};

/** Copies a finished video into the store, checked before it becomes visible. Throws only for our own side: the store, the signal. */
export async function downloadTo(request: DownloadRequest): Promise<Download> {
  const { store, key, limits } = request;
  const earlier = await store.describe(key);
  if (earlier) return { outcome: 'stored', stored: earlier, alreadyThere: true };

  const endsAt = performance.now() + limits.deadlineMs;
  let draft = createVideoDraft(await store.create(key));
  const restart = async () => {
    await draft.abort();
    draft = createVideoDraft(await store.create(key));
  };
  let beginning: Beginning | undefined;
  try {
    for (let transfer = 1; ; transfer += 1) {
      try {
        const fromByte = beginning ? draft.bytes() : 0;
        const response = await get(request, { beginning, fromByte, endsAt });

        const continues = beginning && isContinuation(response, beginning, fromByte);
        if (!continues && response.status !== 200) {
          response.discard();
          if (fromByte === 0 || !rangeRefusedStatuses.has(response.status)) return judge(response.status);
          beginning = undefined;
          if (transfer < MAX_TRANSFERS) continue;
          return { outcome: 'unavailable', detail: 'the file changed while it was fetched' };
        }
        if (!continues) {
          if (draft.bytes() > 0) await restart();
          beginning = beginningOf(response);
        }
        const problem = await receive(response, draft, request);
        if (problem) return { outcome: 'invalid', detail: problem };
        await request.beforeCommit?.();
        return { outcome: 'stored', ...(await draft.commit()) };
      } catch (error) {
        if (!(error instanceof FetchFailure)) throw error;
        const wasCut = error.reason === 'network' && draft.bytes() > 0;
        if (!wasCut || transfer >= MAX_TRANSFERS) return judgeFailure(error);
      }
    }
  } finally {
    await draft.abort();
  }
}

type Place = { beginning: Beginning | undefined; fromByte: number; endsAt: number };

function get(
  { source, fetch, limits, signal }: DownloadRequest,
  { beginning, fromByte, endsAt }: Place,
): Promise<GuardedResponse> {
  const { url, headers: credentials, credentialOrigin } = source;
  const deadlineMs = Math.max(Math.ceil(endsAt - performance.now()), 1);
  const headers = beginning && fromByte > 0 ? rangeHeaders(beginning, fromByte) : {};
  return fetch.get({ url, headers, credentials, credentialOrigin, limits: { ...limits, deadlineMs }, signal });
}

/** What is wrong with the file, as soon as it is known. */
async function receive(
  response: GuardedResponse,
  draft: VideoDraft,
  { limits, onProgress }: DownloadRequest,
): Promise<string | undefined> {
  const alreadyThere = draft.bytes();
  const expectedBytes = alreadyThere + (Number(response.headers['content-length']) || 0);
  for await (const chunk of response.body) {
    const problem = await draft.push(chunk);
    if (problem) return problem;
    // Each answer is within the limit; several together might not be.
    if (draft.bytes() > limits.maxBytes) return `it has more than ${limits.maxBytes} bytes`;
    await onProgress?.(draft.bytes(), Math.max(expectedBytes, draft.bytes()));
  }
  return draft.problem();
}

function judge(status: number): Download {
  const detail = `status ${status}`;
  return goneStatuses.has(status) ? { outcome: 'expired', detail } : { outcome: 'unavailable', detail };
}

function judgeFailure({ reason, message }: FetchFailure): Download {
  const detail = `${reason}: ${message}`;
  const isWrongFile = reason === 'address_refused' || reason === 'too_large';
  return { outcome: isWrongFile ? 'invalid' : 'unavailable', detail };
}

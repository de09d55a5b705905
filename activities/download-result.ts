import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { type Download, downloadTo } from '../artifacts/download.js';
import type { VideoFacts } from '../contract/artifact.js';
import type { AttemptRef } from '../contract/plan.js';
import type { ProviderTask, ResultFile } from '../contract/provider.js';
import { isVerdictOnFile, MediaError } from '../media/media-error.js';
import { crashPoint } from '../runtime/crash-points.js';
import type { AttemptResult } from '../store/attempts.js';
import { type Joined, joinToSource } from './bridge.js';
import type { ActivityDeps } from './deps.js';
import { tryAgain } from './failure.js';
import { withHeartbeat } from './heartbeat.js';
import { lookAndRecord } from './look.js';

export type DownloadInput = AttemptRef & { task: ProviderTask; timeoutMs: number; lookTimeoutMs: number };
export type DownloadOutcome = { kind: 'stored' } | { kind: 'result_lost' };

/** Runs of this activity for a file that cannot be fetched or does not arrive whole. */
const MAX_RUNS = 4;
const VIDEO_TYPE = 'video/mp4';

/**
 * Copies the files of a finished task into the store, each checked before it has a name. What an earlier run stored stays. An address
 * that has expired is asked for once more. Some files of several are a result; none is none.
 */
export function downloadResult(deps: ActivityDeps, input: DownloadInput): Promise<DownloadOutcome> {
  return withHeartbeat(async () => {
    const { jobId, attempt } = input;
    const asked = await deps.attempts.resultOf({ jobId, attempt });
    const files = (asked.files ?? (await freshFiles(deps, input))).slice(0, asked.variants);
    const kept = new Set(asked.stored);

    let isRetryWorthwhile = false;
    for (const variant of files.keys()) {
      if (kept.has(variant)) continue;
      const problem = await storeVariant(deps, input, { ...asked, files, variant });
      if (!problem) kept.add(variant);
      else {
        deps.logger.warn({ jobId, attempt, variant, ...problem }, 'a result could not be stored');
        isRetryWorthwhile ||= problem.mayPass;
      }
    }
    if (isRetryWorthwhile && Context.current().info.attempt < MAX_RUNS)
      throw tryAgain('RESULT_INVALID', 'a result did not arrive whole');
    return { kind: kept.size > 0 ? 'stored' : 'result_lost' };
  });
}

type Problem = { detail: string; mayPass: boolean };
type Variant = Pick<AttemptResult, 'size' | 'operation' | 'isBridged'> & { files: ResultFile[]; variant: number };

async function storeVariant(
  deps: ActivityDeps,
  input: DownloadInput,
  { files, variant, size, operation, isBridged }: Variant,
): Promise<Problem | undefined> {
  const file = files[variant];
  if (!file) return { detail: 'the provider no longer lists this file', mayPass: false };
  let download = await fetchFile(deps, input, { file, variant });
  if (download.outcome === 'expired') {
    const renewed = (await freshFiles(deps, input))[variant];
    if (renewed) download = await fetchFile(deps, input, { file: renewed, variant });
  }
  if (download.outcome !== 'stored') return { detail: download.detail, mayPass: download.outcome !== 'expired' };

  const { stored } = download;
  const { jobId, attempt } = input;
  const checked = await judged(async () => {
    const facts = await check(deps, { key: stored.key, size });
    if (!isBridged || operation !== 'extend') return { stored, facts };
    return joinToSource(deps, { jobId, attempt, variant, key: stored.key });
  });
  if ('detail' in checked) {
    await deps.store.remove(stored.key);
    return checked;
  }
  const { retentionDays } = deps.limits;
  await crashPoint('S9', { jobId });
  await deps.artifacts.addVideo({ jobId, variant, ...checked, contentType: VIDEO_TYPE, retentionDays, isBridged });
  // Of what was joined only the whole is kept.
  if (checked.stored.key !== stored.key) await deps.store.remove(stored.key);
  return undefined;
}

type Stored = { key: string; size: AttemptResult['size'] };

/**
 * What the file says of itself. A provider that promises only an orientation, or promises wrongly, must not change the size.
 * @throws `MediaError`
 */
async function check({ media, store }: ActivityDeps, { key, size }: Stored): Promise<VideoFacts> {
  const facts = await store.withLocalFile(key, (path) => media.probeVideo(path));
  if (!size || (size.width === facts.width && size.height === facts.height)) return facts;
  throw new MediaError(
    'not_a_video',
    `it is ${facts.width}x${facts.height}, asked for was ${size.width}x${size.height}`,
  );
}

/** What media work makes of a file, or what is wrong with the file. Trouble of our own is thrown, to be tried again. */
async function judged(work: () => Promise<Joined>): Promise<Joined | Problem> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MediaError) || error.reason === 'failed' || error.reason === 'closed') throw error;
    // A file that ends whoever reads it gets a few tries, as it may have been the machine.
    return { detail: error.message, mayPass: !isVerdictOnFile(error) };
  }
}

type Numbered = { file: ResultFile; variant: number };

function fetchFile(deps: ActivityDeps, input: DownloadInput, { file, variant }: Numbered): Promise<Download> {
  const { jobId, attempt, task, timeoutMs } = input;
  // The same for every run of this step, so that a second run finds what the first stored.
  const name = createHash('sha256').update(`${jobId}:${attempt}:${variant}`).digest('hex');
  return downloadTo({
    source: deps.providers.get(task.account).openResult(task, file),
    fetch: deps.fetchGuarded,
    store: deps.store,
    key: `${name.slice(0, 2)}/${name}.mp4`,
    limits: { ...deps.limits.transfer, deadlineMs: timeoutMs },
    signal: Context.current().cancellationSignal,
    onProgress: (bytes, totalBytes) => (2 * bytes >= totalBytes ? crashPoint('S7', { jobId }) : undefined),
    beforeCommit: () => crashPoint('S8', { jobId }),
  });
}

/** The addresses as the provider gives them now. None, when it does not say "succeeded" any more. */
async function freshFiles(
  deps: ActivityDeps,
  { jobId, attempt, task, lookTimeoutMs }: DownloadInput,
): Promise<ResultFile[]> {
  const look = await lookAndRecord(deps, { jobId, attempt, task, timeoutMs: lookTimeoutMs });
  return look.status === 'succeeded' ? look.files : [];
}

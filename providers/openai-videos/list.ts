import type { ListedTask, VideoProvider } from '../../contract/provider.js';
import { LookError } from '../../contract/provider-errors.js';
import { type AdapterDeps, statusWord } from '../adapter.js';
import { below } from '../base-url.js';
import type { createFailureReader } from '../failure.js';
import { type ListedVideo, listedVideos, lostWords } from './wire.js';

const PAGE_SIZE = 100;
const MAX_PAGES = 20;
const LATEST_SECONDS = 100_000_000_000;

type Reading = Pick<AdapterDeps, 'account' | 'baseUrl' | 'sendJson'> & {
  videosPath: string;
  headers: Record<string, string>;
  failures: ReturnType<typeof createFailureReader>;
};

/** Reads the list from its newest video back to a moment, or to its end where it is not sorted. */
export function createListReader(reading: Reading): NonNullable<VideoProvider['list']> {
  const { account, baseUrl, sendJson, videosPath, headers, failures } = reading;

  return async (since, { signal }) => {
    const found = new Map<string, ListedTask>();
    let after: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = { order: 'desc', limit: String(PAGE_SIZE), ...(after !== undefined && { after }) };
      const answer = await sendJson({
        method: 'GET',
        url: below(baseUrl, videosPath, query),
        headers,
        response: listedVideos,
        reuseConnection: true,
        signal,
      });
      if (answer.kind !== 'ok') throw failures.ofLook(answer);

      const { data, has_more: hasMore } = answer.body;
      const before = found.size;
      for (const video of data) found.set(video.id, taskOf(account, video));
      const tasks = [...found.values()];
      if (hasMore === false || data.length === 0 || isPast(tasks, since)) {
        return tasks.filter(({ createdAt }) => createdAt === null || createdAt >= since);
      }
      // The same page again: whoever copies the shape may not know how to go on.
      if (found.size === before) break;
      after = data.at(-1)?.id;
    }
    throw new LookError({ class: 'RESULT_INVALID', message: 'the list could not be read to its end' });
  };
}

/** Whether only older ones can follow: known where the list is newest first, as it was asked to be. */
function isPast(tasks: readonly ListedTask[], since: Date): boolean {
  const moments = tasks.flatMap(({ createdAt }) => createdAt ?? []);
  const isNewestFirst = moments.every((moment, index) => moment <= (moments[index - 1] ?? moment));
  const oldest = moments.at(-1);
  return isNewestFirst && oldest !== undefined && oldest < since;
}

function taskOf(account: string, video: ListedVideo): ListedTask {
  const { id, model, prompt, seconds, size, created_at: created } = video;
  const pixels = /^(\d{2,5})x(\d{2,5})$/.exec(size ?? '');
  return {
    task: { account, upstreamModel: model ?? '', id },
    createdAt: momentOf(created),
    ...(prompt && { prompt }),
    ...(seconds && { durationSeconds: seconds }),
    ...(pixels && { size: { width: Number(pixels[1]), height: Number(pixels[2]) } }),
    status: statusOf(statusWord(video.status)),
  };
}

/** Seconds, or milliseconds at some who copy the shape. What is no moment must not look like an old one. */
function momentOf(created: number | null | undefined): Date | null {
  if (!created || created < 0) return null;
  const moment = new Date(created > LATEST_SECONDS ? created : created * 1_000);
  return Number.isNaN(moment.getTime()) ? null : moment;
}

function statusOf(word: string): ListedTask['status'] {
  if (word === 'completed') return 'succeeded';
  return lostWords.has(word) ? 'failed' : 'open';
}

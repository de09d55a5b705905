import type { IncomingMessage } from 'node:http';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Job, JobApi, ReadOptions } from '../jobs.js';
import { callerOf } from './caller.js';

const MAX_WAIT_SECONDS = 60;
const MS_PER_SECOND = 1_000;

/** For descriptions: a preference that cannot be read is passed over, so nothing is parsed by it. */
export const preferSchema = z.string().max(200).optional().meta({
  description: '`wait=30`: answer when the job has ended, or after so many seconds, 60 at most (RFC 7240)',
  example: 'wait=30',
});
export const preferenceAppliedHeader = {
  'Preference-Applied': z
    .string()
    .max(20)
    .optional()
    .meta({ description: 'How long the answer was allowed to wait for the end of the job', example: 'wait=30' }),
};

/** `wait`, `wait=20` or `wait="20"` between commas, whatever its parameters; RFC 7240 lets the first of several count. */
const waitPattern = /(?:^|,)[ \t]*wait[ \t]*(?:=[ \t]*("?)(\d+)\1[ \t]*)?(?=[,;]|$)/i;

/**
 * How many seconds a caller is ready to wait, by `Prefer: wait=20`: a minute at most, and a minute by a plain `wait`. Undefined when he
 * does not say, or not so that it can be read: a preference is never refused.
 */
export function readWaitSeconds(prefer: string | undefined): number | undefined {
  const [found, , seconds] = waitPattern.exec(prefer ?? '') ?? [];
  if (found === undefined) return undefined;
  return seconds === undefined ? MAX_WAIT_SECONDS : Math.min(Number(seconds), MAX_WAIT_SECONDS);
}

type Waiting = ReadOptions & { job: Job; request: Pick<Request, 'get'> & IncomingMessage; response: Response };

/** The job at its end, where the caller is ready to wait so long; else as it is by then. A caller who goes away waits no longer. */
export async function waitAsPreferred(jobs: JobApi, { job, request, response, ...options }: Waiting): Promise<Job> {
  const seconds = readWaitSeconds(request.get('prefer'));
  if (seconds === undefined) return job;
  response.set('Preference-Applied', `wait=${seconds}`);
  if (job.finishedAt || response.closed) return job;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const patience = { limitMs: seconds * MS_PER_SECOND, signal: gone.signal };
  return jobs.waitForEnd(job, callerOf(request), { ...patience, ...options });
}

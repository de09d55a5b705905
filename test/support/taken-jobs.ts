import type { Look, ProviderTask } from '../../contract/provider.js';
import { createArtifacts, type NewVideo } from '../../store/artifacts.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs, type NewJob } from '../../store/jobs.js';
import { aNewJob } from './jobs.js';
import { aRoute } from './plans.js';
import { aWorkspace } from './store.js';

/** The task of every job here. */
export const takenTask: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };

export const succeeded: Exclude<Look, { status: 'pending' }> = { status: 'succeeded', files: [] };

type Asked = { request?: Partial<NewJob['request']>; callbackUrl?: string; costMicros?: number };

/** A job whose first attempt a provider has taken. Its workspace has money for one, unless it is given one that has more. */
export async function aTakenJob(
  database: Database,
  { request, callbackUrl, costMicros }: Asked = {},
  given?: Awaited<ReturnType<typeof aWorkspace>>,
) {
  const owner = given ?? (await aWorkspace(database, { credits: 1 }));
  const newJob = aNewJob(owner, { callbackUrl });
  const { job } = await createJobs(database).accept({ ...newJob, request: { ...newJob.request, ...request } });
  const attempts = createAttempts(database);
  await attempts.intend({ jobId: job.id, attempt: 1, route: aRoute(costMicros === undefined ? {} : { costMicros }) });
  const submission = { outcome: 'accepted', task: takenTask } as const;
  await attempts.recordSubmission({ jobId: job.id, attempt: 1, submission });
  return { ...owner, jobId: job.id, attempts };
}

/** The same once its provider has said that it is done. */
export async function aJudgedJob(...[database, ...asked]: Parameters<typeof aTakenJob>) {
  const job = await aTakenJob(database, ...asked);
  await job.attempts.recordVerdict({ jobId: job.jobId, attempt: 1, task: takenTask, verdict: succeeded });
  return job;
}

/** A file of so many seconds, as a download writes it down. */
export async function addVideo(
  database: Database,
  { jobId, durationSeconds, variant = 0 }: Pick<NewVideo, 'jobId'> & { durationSeconds: number; variant?: number },
): Promise<void> {
  await createArtifacts(database).addVideo({
    jobId,
    variant,
    stored: { key: `${jobId}-${variant}.mp4`, bytes: 10, sha256: 'ab' },
    contentType: 'video/mp4',
    facts: { width: 1280, height: 720, durationSeconds, framesPerSecond: 24 },
    retentionDays: 30,
  });
}

/** What was posted for a job, in that order. */
export async function transfersOf(database: Database, jobId: string): Promise<string[]> {
  const rows = await database.queries
    .selectFrom('ledger_transfers')
    .select(['kind', 'amount_micros'])
    .where('job_id', '=', jobId)
    .orderBy('id')
    .execute();
  return rows.map(({ kind, amount_micros }) => `${kind} ${amount_micros}`);
}

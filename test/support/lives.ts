import { randomBytes } from 'node:crypto';
import { newArtifactKey, storeBytes } from '../../artifacts/store.js';
import type { JobFailureCode } from '../../contract/errors.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createAttempts } from '../../store/attempts.js';
import { type Api, readJson } from './api.js';
import { aRoute } from './plans.js';

type Creator = { post: (path: string, body: unknown) => Promise<Response> };

/** A queued job of 8 s. */
export async function createJob({ post }: Creator, changes: object = {}): Promise<string> {
  const response = await post('/api/v1/videos/jobs', { model: 'sora', prompt: 'a boat', seconds: 8, ...changes });
  if (response.status !== 202) throw new Error(`the job was not taken: ${await response.text()}`);
  return String((await readJson(response)).id);
}

/** What the worker writes while it carries a job, by the same functions. */
export function livesOf(api: Api) {
  const attempts = createAttempts(api.database);
  const artifacts = createArtifacts(api.database);

  return {
    /** An accepted first attempt. */
    async start(jobId: string): Promise<void> {
      await attempts.intend({ jobId, attempt: 1, route: aRoute({ account: 'omixa', upstreamModel: 'sora' }) });
      const task = { account: 'omixa', upstreamModel: 'sora', id: 'task-77' };
      await attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'accepted', task } });
      await attempts.recordLook({ jobId, progress: 40 });
    },

    /** A finished job with a file of these bytes; they need not be a video here. */
    async succeed(jobId: string, bytes: Uint8Array = randomBytes(1_000)) {
      await this.start(jobId);
      const task = { account: 'omixa', upstreamModel: 'sora', id: 'task-77' };
      const verdict = { status: 'succeeded', files: [{ url: 'https://omixa.test/boat.mp4' }] } as const;
      await attempts.recordVerdict({ jobId, attempt: 1, task, verdict: { ...verdict, files: [...verdict.files] } });
      const key = newArtifactKey('mp4');
      const stored = await storeBytes(api.store, { key, bytes });
      const facts = { width: 1280, height: 720, durationSeconds: 8, framesPerSecond: 24 };
      const more = { contentType: 'video/mp4', facts, retentionDays: 30 };
      await artifacts.addVideo({ jobId, variant: 0, stored, ...more });
      await api.settlement.settle({ jobId, state: 'succeeded', providerCancel: null });
      return { key, bytes, sha256: stored.sha256 };
    },

    async fail(jobId: string, errorCode: JobFailureCode): Promise<void> {
      await attempts.intend({ jobId, attempt: 1, route: aRoute({ account: 'omixa', upstreamModel: 'sora' }) });
      const error = { class: 'CONTENT_REFUSED', message: 'their own words', providerCode: 'E7' } as const;
      await attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'refused', error } });
      await api.settlement.settle({ jobId, state: 'failed', errorCode, providerCancel: null });
    },
  };
}

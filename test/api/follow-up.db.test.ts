import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';

const path = '/api/v1/videos/jobs';

let api: Api;
let lives: ReturnType<typeof livesOf>;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;
let source: string;
beforeAll(async () => {
  api = await startApi();
  lives = livesOf(api);
  caller = await api.addWorkspace();
  source = await createJob(caller);
  await lives.succeed(source);
});
afterAll(() => api.close());

const follow = (fields: object) => caller.post(path, { model: 'sora', prompt: 'and on it goes', ...fields });

describe('an extension of a finished job', () => {
  it('goes to the account that made the source, with its task, and costs what it adds', async () => {
    const response = await follow({ video_operation: 'extend', source_video: source, seconds: 4 });

    const job = await readJson(response);
    expect(response.status).toBe(202);
    expect(job).toMatchObject({
      video_operation: 'extend',
      provider: 'omixa',
      cost: { held: '0.400000' },
      request: { duration_seconds: 4, size: '1280x720', source_video: source },
    });
    const row = await api.database.queries
      .selectFrom('jobs')
      .select(['request', 'plan'])
      .where('id', '=', String(job.id))
      .executeTakeFirstOrThrow();
    expect(row.plan.routes.map(({ account }) => account)).toEqual(['omixa']);
    expect(row.request.inputs.sourceVideo).toEqual({
      jobId: source,
      task: { account: 'omixa', upstreamModel: 'sora', id: 'task-77' },
      artifactId: expect.stringMatching(/^art_/),
      durationSeconds: 8,
    });
  });
});

describe('a remix of a finished job', () => {
  it('is as long as its source', async () => {
    const response = await follow({ task: 'remix', video_id: source });
    expect(await readJson(response)).toMatchObject({
      video_operation: 'remix',
      cost: { held: '0.800000' },
      request: { duration_seconds: 8 },
    });
  });

  it.each([
    [{ seconds: 4 }, 'seconds'],
    [{ size: '720x1280' }, 'size'],
    [{ aspect_ratio: '1:1' }, 'aspect_ratio'],
  ])('is not made otherwise than its source: %j', async (fields, field) => {
    const response = await follow({ task: 'remix', video_id: source, ...fields });
    expect(response.status).toBe(400);
    expect(await readJson(response)).toMatchObject({ code: 'request_invalid', errors: [{ field }] });
  });
});

describe('a follow-up', () => {
  const refused = async (sourceVideo: string) => {
    const held = await api.ledger.balance(caller.workspaceId);
    const response = await follow({ video_operation: 'extend', source_video: sourceVideo, seconds: 4 });
    expect(await api.ledger.balance(caller.workspaceId)).toEqual(held);
    return { status: response.status, ...(await readJson(response)) };
  };

  it('waits for the end of its source', async () => {
    const open = await createJob(caller);
    const answer = await refused(open);
    expect(answer).toMatchObject({ status: 409, code: 'job_not_finished', errors: [{ field: 'source_video' }] });
  });

  it('has nothing to go on from after a failure', async () => {
    const failed = await createJob(caller);
    await lives.fail(failed, 'prompt_rejected');
    expect(await refused(failed)).toMatchObject({ status: 400, errors: [{ field: 'source_video' }] });
  });

  it('knows no job of another workspace', async () => {
    const stranger = await api.addWorkspace();
    const theirs = await createJob(stranger);
    await lives.succeed(theirs);
    expect(await refused(theirs)).toMatchObject({ status: 400, errors: [{ field: 'source_video' }] });
  });
});

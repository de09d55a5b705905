import { afterEach, describe, expect, it } from '@jest/globals';
import { createWaitingCallers } from '../../api/waiting-callers.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { readEvents } from '../support/event-source.js';
import { createJob } from '../support/lives.js';
import { until } from '../support/until.js';

const path = '/api/v1/videos/jobs';
const asStream = { accept: 'text/event-stream' };
const patiently = { prefer: 'wait=60' };

let api: Api;
let isOpen = false;
async function start(options: Parameters<typeof startApi>[0] = {}): Promise<void> {
  api = await startApi(options);
  isOpen = true;
}
async function close(): Promise<void> {
  if (isOpen) await api.close();
  isOpen = false;
}
afterEach(close);

describe('callers who wait', () => {
  it('are answered with what is known, and sent elsewhere, when the process stops', async () => {
    await start();
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    const stream = readEvents(await caller.get(`${path}/${id}/events`, asStream));
    await stream.until(({ type }) => type === 'job.queued');
    const answers = [
      caller.post(path, { model: 'sora', prompt: 'a boat' }, patiently),
      caller.get(`${path}/${id}`, patiently),
    ];
    await until(async () => (await api.countJobs()) === 2, 5);

    await close();

    const [created, read] = await Promise.all(answers);
    expect([created?.status, read?.status]).toEqual([202, 200]);
    expect(await readJson(read ?? new Response())).toMatchObject({ id, status: 'queued' });
    await stream.over;
    expect(stream.retries).toHaveLength(2);
  });

  it('are not too many of one workspace, and make room when they go away', async () => {
    await start({ jobs: { waitingCallers: createWaitingCallers({ maxOfWorkspace: 2 }) } });
    const [caller, another] = [await api.addWorkspace(), await api.addWorkspace()];
    const id = await createJob(caller);
    const leaving = new AbortController();
    const follow = (init: RequestInit = {}) =>
      caller.send('GET', `${path}/${id}/events`, { headers: asStream, ...init });
    const first = await follow({ signal: leaving.signal });
    let isAnswered = false;
    const waitPatiently = () =>
      caller.send('GET', `${path}/${id}`, { headers: patiently, signal: leaving.signal }).then(
        () => {
          isAnswered = true;
          return false;
        },
        () => true,
      );
    let isLeft = waitPatiently();

    const refused = await until(async () => {
      // It came while we were in its place with a stream of this loop: so it is sent again.
      if (isAnswered) {
        isAnswered = false;
        isLeft = waitPatiently();
      }
      const responses = [await follow(), await follow()];
      const [, last] = responses;
      if (last && responses.every(({ status }) => status === 429) && !isAnswered) return last;
      for (const { body } of responses) await body?.cancel();
      return false;
    }, 5);
    const impatient = await caller.get(`${path}/${id}`, patiently);
    const elsewhere = await another.get(`${path}/${await createJob(another)}/events`, asStream);

    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await readJson(refused)).toMatchObject({ code: 'rate_limited' });
    expect(await readJson(impatient)).toMatchObject({ status: 'queued' });
    expect([first.status, elsewhere.status]).toEqual([200, 200]);

    leaving.abort();
    expect(await isLeft).toBe(true);
    const again = await until(async () => {
      const responses = await Promise.all([follow(), follow()]);
      if (responses.every(({ status }) => status === 200)) return responses;
      for (const { body } of responses) await body?.cancel();
      return false;
    }, 5);
    for (const { body } of [...again, elsewhere]) await body?.cancel();
  });

  it('are counted together, whatever they wait for', async () => {
    await start({ jobs: { waitingCallers: createWaitingCallers({ maxOfWorkspace: 2 }) } });
    const caller = await api.addWorkspace();
    const steps = [{ name: 'shot', kind: 'text_to_video', model: 'sora', prompt: 'a boat', seconds: 8 }];
    const pipeline = await readJson(await caller.post('/api/v1/videos/pipelines', { steps }));
    const ofJob = `${path}/${await createJob(caller)}/events`;
    const ofPipeline = `/api/v1/videos/pipelines/${String(pipeline.id)}/events`;

    const responses = [];
    for (const at of [ofJob, ofPipeline, ofPipeline, ofJob]) responses.push(await caller.get(at, asStream));

    expect(responses.map(({ status }) => status)).toEqual([200, 200, 429, 429]);
    for (const { body } of responses) await body?.cancel();
  });
});

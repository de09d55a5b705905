import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPipelineFinder } from '../../api/find-pipeline.js';
import { createWebhookBody } from '../../api/webhook-body.js';
import { createLinkSigner } from '../../artifacts/signed-links.js';
import { createJobs } from '../../store/jobs.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { createPipelines } from '../../store/pipelines.js';
import { createWebhookDeliveries } from '../../store/webhook-deliveries.js';
import { createWebhookEndpoints } from '../../store/webhook-endpoints.js';
import { createWebhookLog } from '../../store/webhook-log.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { checkEventAsDescribed } from '../support/described.js';
import { aNewJob } from '../support/jobs.js';
import { livesOf } from '../support/lives.js';
import { deliveriesOf } from '../support/webhooks.js';

const settings = {
  signer: createLinkSigner('a secret for tests, long enough for links'),
  publicUrl: 'https://reelay.test',
  linkLifetimeSeconds: 3_600,
};
const callbackUrl = 'https://caller.example/own';
const suffixOf = (id: string) => id.slice(id.indexOf('_'));

/** The same link, signed a second later, is another and ends later. */
const unsigned = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value)
      .replaceAll(/&expires=\d+&signature=[\w-]+/g, '')
      .replaceAll(/"expires_at":(?:\d+|"[^"]+")/g, '"expires_at":"later"'),
  );

describe('the body of a webhook', () => {
  let api: Api;
  let render: ReturnType<typeof createWebhookBody>;
  beforeAll(async () => {
    api = await startApi();
    const { database } = api;
    render = createWebhookBody({
      jobs: createJobs(database),
      endpoints: createWebhookEndpoints(database),
      log: createWebhookLog(database),
      findPipeline: createPipelineFinder({ pipelines: createPipelines(database), ...settings }),
      ...settings,
    });
  });
  afterAll(() => api.close());

  type End = (lives: ReturnType<typeof livesOf>, jobId: string) => Promise<unknown>;
  const succeeds: End = (lives, jobId) => lives.succeed(jobId);
  const fails: End = (lives, jobId) => lives.fail(jobId, 'prompt_rejected');
  const isCanceled: End = (_, jobId) =>
    api.settlement.settle({ jobId, state: 'canceled', providerCancel: 'unsupported' });

  /** What each address is told of the end of a job that was made in this dialect. */
  async function told(dialect: string, end: End) {
    const workspace = await api.addWorkspace();
    const { workspaceId, keyId: apiKeyId } = workspace;
    await createWebhookEndpoints(api.database).create({
      workspaceId,
      url: 'https://caller.example/all',
      description: '',
      eventTypes: null,
    });
    const { job } = await createJobs(api.database).accept(aNewJob({ workspaceId, apiKeyId }, { dialect, callbackUrl }));
    await end(livesOf(api), job.id);
    const deliveries = await deliveriesOf(api.database, workspaceId);
    const bodyAt = async (isOwn: boolean) => {
      const delivery = deliveries.find(({ endpoint_id: endpoint }) => (endpoint === null) === isOwn);
      const { event } = (await createWebhookDeliveries(api.database).load(delivery?.id ?? '')) ?? {};
      const text = event && (await render(event));
      return text === undefined ? undefined : JSON.parse(text);
    };
    const headers = { 'ocp-apim-subscription-key': workspace.secret };
    const read = async (path: string) => unsigned(await (await workspace.get(path, headers)).json());
    return { workspace, job, read, deliveries, own: () => bodyAt(true), atEndpoint: () => bodyAt(false) };
  }

  it.each<[string, (suffix: string) => string, End]>([
    ['pixazo', (suffix) => `/v2/requests/status/sora-video${suffix}`, succeeds],
    ['pixazo', (suffix) => `/v2/requests/status/sora-video${suffix}`, fails],
    ['apixo', (suffix) => `/api/v1/statusTask/sora?taskId=task${suffix}`, succeeds],
    ['apixo', (suffix) => `/api/v1/statusTask/sora?taskId=task${suffix}`, isCanceled],
    ['globalaiopc', (suffix) => `/v1/sora/videos/sora${suffix}`, succeeds],
    ['globalaiopc', (suffix) => `/v1/sora/videos/sora${suffix}`, fails],
  ])('to the address of a job made in %s is what its own state call answers (%#)', async (dialect, pathOf, end) => {
    const { own, read, job } = await told(dialect, end);
    expect(unsigned(await own())).toEqual(await read(pathOf(suffixOf(job.id))));
  });

  it('to the address of a job made in the native API is an event with the job, as reading it answers', async () => {
    const { own, read, job } = await told('native', succeeds);
    const body = await own();
    expect(body).toMatchObject({ type: 'job.succeeded', timestamp: expect.stringMatching(/^20.*Z$/) });
    expect(unsigned(body.data)).toEqual(await read(`/api/v1/videos/jobs/${job.id}`));
    checkEventAsDescribed('job.succeeded', body);
  });

  it.each([
    ['video.completed', succeeds],
    ['video.failed', fails],
    ['video.failed', isCanceled],
  ] as const)("to the address of a job made in OpenAI's words is the vendor's event %s", async (type, end) => {
    const { own, job, deliveries } = await told('openai', end);
    expect(await own()).toEqual({
      id: `evt${suffixOf(deliveries[0]?.message_id ?? '')}`,
      object: 'event',
      created_at: expect.any(Number),
      type,
      data: { id: `video${suffixOf(job.id)}` },
    });
  });

  it('to an endpoint is the native event, whatever the job was made in', async () => {
    for (const [dialect, type, end] of [
      ['apixo', 'job.succeeded', succeeds],
      ['openai', 'job.failed', fails],
      ['pixazo', 'job.canceled', isCanceled],
    ] as const) {
      const { atEndpoint, job } = await told(dialect, end);
      const body = await atEndpoint();
      expect(body).toMatchObject({ type, data: { id: job.id, status: type.replace('job.', '') } });
      checkEventAsDescribed(type, body);
    }
  });

  it('has links that live as long as the dialect promises, from the moment of the try', async () => {
    const lifetimeOf = async (dialect: string) => {
      const { own } = await told(dialect, succeeds);
      const [, expires] = /expires=(\d+)/.exec(JSON.stringify(await own())) ?? [];
      return Math.round(Number(expires) - Date.now() / 1_000);
    };
    expect(Math.abs((await lifetimeOf('apixo')) - 15 * 24 * 60 * 60)).toBeLessThan(5);
    expect(Math.abs((await lifetimeOf('pixazo')) - 24 * 60 * 60)).toBeLessThan(5);
    expect(Math.abs((await lifetimeOf('native')) - 3_600)).toBeLessThan(5);
    const { own } = await told('globalaiopc', succeeds);
    const { video_url: link, expires_at: expiresAt } = await own();
    expect(new URL(link).searchParams.get('expires')).toBe(String(expiresAt));
    expect(Math.abs(expiresAt - Date.now() / 1_000 - 24 * 60 * 60)).toBeLessThan(5);
  });

  it('to the address of a pipeline, and to an endpoint, is an event with the pipeline, as reading it answers', async () => {
    const workspace = await api.addWorkspace();
    const { workspaceId } = workspace;
    const endpoint = { url: 'https://caller.example/all', description: '', eventTypes: ['pipeline.failed' as const] };
    await createWebhookEndpoints(api.database).create({ workspaceId, ...endpoint });
    const shot = { name: 'shot', kind: 'text_to_video', model: 'sora', prompt: 'a boat', seconds: 8 };
    const wanted = { steps: [shot], callback_url: callbackUrl };
    const created = await readJson(await workspace.post('/api/v1/videos/pipelines', wanted));
    const pipelineId = String(created.id);
    const progress = createPipelineProgress(api.database);
    await progress.start({ pipelineId, run: 1 });
    await progress.finish({ pipelineId, run: 1, state: 'failed' });
    const deliveries = await deliveriesOf(api.database, workspaceId);
    expect(deliveries).toHaveLength(2);
    for (const { id } of deliveries) {
      const { event } = (await createWebhookDeliveries(api.database).load(id)) ?? {};
      const body = JSON.parse((event && (await render(event))) ?? 'null');
      expect(body).toMatchObject({ type: 'pipeline.failed', data: { id: pipelineId, status: 'failed' } });
      expect(body.data).toEqual(await readJson(await workspace.get(`/api/v1/videos/pipelines/${pipelineId}`)));
      checkEventAsDescribed('pipeline.failed', body);
    }
  });

  it('is missing when the job was deleted', async () => {
    const { own, atEndpoint, workspace, job } = await told('native', succeeds);
    await workspace.send('DELETE', `/api/v1/videos/jobs/${job.id}`);
    expect(await own()).toBeUndefined();
    expect(await atEndpoint()).toBeUndefined();
  });

  it('tells of a test and of an exhausted delivery by what they are about', async () => {
    const { workspaceId } = await api.addWorkspace();
    const endpoints = createWebhookEndpoints(api.database);
    const endpoint = await endpoints.create({ workspaceId, url: callbackUrl, description: '', eventTypes: null });
    const delivery = await createWebhookLog(api.database).queueTest({ id: endpoint.id, workspaceId });
    const { event } = (await createWebhookDeliveries(api.database).load(delivery.id)) ?? {};
    if (!event) throw new Error('there is no test');
    const test = JSON.parse((await render(event)) ?? '');
    expect(test).toMatchObject({ type: 'webhook.test', data: { id: endpoint.id, url: callbackUrl } });
    expect(JSON.stringify(test)).not.toContain(endpoint.secret);
    checkEventAsDescribed('webhook.test', test);

    const about = { ...event, type: 'webhook.exhausted', subject: { kind: 'delivery', id: delivery.id } } as const;
    const exhausted = JSON.parse((await render(about)) ?? '');
    expect(exhausted).toMatchObject({ type: 'webhook.exhausted', data: { id: delivery.id, endpoint: endpoint.id } });
    checkEventAsDescribed('webhook.exhausted', exhausted);
  });
});

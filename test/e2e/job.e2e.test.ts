import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createMediaProcess } from '../../media/process.js';
import { aRequest, createCaller } from '../support/caller.js';
import { anImage } from '../support/images.js';
import { expectOneOfEverything, type World } from '../support/one-of-everything.js';
import { sandboxControl } from '../support/sandbox.js';

jest.setTimeout(60_000);

const seedExample = {
  model: 'sora',
  prompt: 'A cinematic product reveal of an AI API gateway on a clean white desk.',
  video_operation: 'text_to_video',
  seconds: 8,
  size: '1280x720',
  wait_seconds: 3,
  poll_interval_seconds: 2,
};

describe('one job on the whole stack', () => {
  let stack: Stack;
  let world: World;
  let temporal: Client;
  beforeAll(async () => {
    stack = await startStack({ SANDBOX_SPEED: '2' });
    const database = new pg.Pool({ connectionString: stack.databaseUrl });
    world = { stack, database, caller: createCaller(stack), sandbox: sandboxControl(stack.sandboxUrl) };
    const connection = await Connection.connect({ address: stack.temporalAddress });
    temporal = new Client({ connection, namespace: stack.namespace });
  }, 120_000);
  afterAll(async () => {
    await world.database.end();
    await temporal.connection.close();
    await stack.stop();
  }, 60_000);

  it('carries the seed example to an MP4 of the asked size, length and rate, with the pauses that were asked for', async () => {
    const job = await world.caller.create(seedExample);
    expect(job).toMatchObject({ provider: 'omixa', model: 'sora', status: 'running', operation: job.id, data: [] });
    const ended = await world.caller.untilEnded(job.id);
    await expectOneOfEverything(world, ended);

    const media = createMediaProcess();
    const facts = await media.probeVideo(await fileOf(job.id));
    await media.close();
    expect(facts).toEqual({ width: 1280, height: 720, durationSeconds: 8, framesPerSecond: 24 });

    const calls = await world.sandbox.ledger({ promptIncludes: seedExample.prompt });
    const timesOf = (call: string) => calls.filter((entry) => entry.call === call).map(({ at }) => Date.parse(at));
    const [submittedAt = Number.NaN] = timesOf('submit');
    const looks = timesOf('look');
    expect((looks[0] ?? Number.NaN) - submittedAt).toBeGreaterThanOrEqual(2_950);
    for (const [index, at] of looks.slice(1).entries()) {
      expect(at - (looks[index] ?? Number.NaN)).toBeGreaterThanOrEqual(1_950);
    }
  });

  it('shows an operator its steps by name in a history of at most 36 events, and callers a live view', async () => {
    const job = await world.caller.create(aRequest({ prompt: `live ${randomUUID()}`, wait_seconds: 1 }));
    await world.caller.untilJob(job.id, ({ phase }) => phase === 'waiting' || phase === 'polling');
    const live = (await (await world.caller.get(`/api/v1/videos/jobs/${job.id}/live`)).json()) as Record<
      string,
      unknown
    >;
    expect(live).toMatchObject({ workflow: { status: 'running', state: { provider: 'omixa', attempt: 1 } } });
    const ended = await world.caller.untilEnded(job.id);
    expect(ended.links.temporal).toBe(`${stack.temporalUiUrl}/namespaces/default/workflows/${job.id}`);

    const handle = temporal.workflow.getHandle(job.id);
    // The row ends first; the workflow closes a moment later.
    await handle.result();
    const { searchAttributes, historyLength } = await handle.describe();
    expect(historyLength).toBeLessThanOrEqual(36);
    expect(searchAttributes).toMatchObject({
      ReelayStatus: ['succeeded'],
      ReelayProvider: ['omixa'],
      ReelayModel: ['sora'],
      ReelayOperation: ['text_to_video'],
    });
    const { events } = await handle.fetchHistory();
    const names = events?.flatMap(({ activityTaskScheduledEventAttributes: of }) => of?.activityType?.name ?? []);
    expect(names).toEqual(['submitGeneration', 'pollTask', 'downloadResult', 'finishJob']);
  });

  it('sends an inline image on as the provider wants it', async () => {
    const prompt = `image ${randomUUID()}`;

    const job = await world.caller.create(
      aRequest({ prompt, video_operation: 'image_to_video', start_frame: anImage.dataUrl }),
    );
    await expectOneOfEverything(world, await world.caller.untilEnded(job.id));
  });

  it('stops a waiting job when it is cancelled: nothing is charged, and the answer says what the provider made of it', async () => {
    const prompt = `cancel ${randomUUID()}`;
    const job = await world.caller.create(aRequest({ prompt, wait_seconds: 600 }));
    await world.caller.untilJob(job.id, ({ phase }) => phase === 'waiting');
    expect((await world.caller.post(`/api/v1/videos/jobs/${job.id}/cancel`, {})).status).toBe(202);
    const ended = await world.caller.untilEnded(job.id);
    expect(ended).toMatchObject({
      status: 'canceled',
      provider_cancel: 'unsupported',
      cost: { held: '0.000000', captured: '0.000000' },
    });
    const [attempt] = await world.caller.attempts(job.id);
    expect(attempt).toMatchObject({ state: 'abandoned', charged: 'possibly' });
    // The last look.
    expect(await world.sandbox.ledger({ promptIncludes: prompt, call: 'look' })).toHaveLength(1);
  });

  it('writes no prompt, no key and no signed address to a log or to Temporal', async () => {
    const prompt = `canary${randomUUID()}`;
    const job = await world.caller.create(aRequest({ prompt }));
    const ended = await world.caller.untilEnded(job.id);
    const handle = temporal.workflow.getHandle(job.id);
    await handle.result();
    const history = JSON.stringify(await handle.fetchHistory());
    const logs = join(stack.home, 'logs');
    const written = readdirSync(logs).map((file) => readFileSync(join(logs, file), 'utf8'));
    const signature = new URL(ended.data[0]?.url ?? '').searchParams.get('signature');
    const secrets = [prompt, stack.apiKey, signature ?? 'no signature'];
    for (const text of [history, ...written]) {
      for (const secret of secrets) expect(text.includes(secret)).toBe(false);
      expect(text).not.toMatch(/files\/[0-9a-f]{32}\.mp4/);
    }
  });

  async function fileOf(jobId: string): Promise<string> {
    const { rows } = await world.database.query(`select location from artifacts where job_id = $1 and role = 'video'`, [
      jobId,
    ]);
    return join(stack.artifactsDir, rows[0].location);
  }
});

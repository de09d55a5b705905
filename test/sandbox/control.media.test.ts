import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { bodyOf, omixaCaller, omixaJob, post } from './callers.js';

describe('the control of the sandbox', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  afterEach(() => sandbox.close());

  it('counts what each account received, by prompt', async () => {
    sandbox = await startSandbox();
    const prompt = `a boat ${randomUUID()}`;
    const [first, second] = [omixaCaller(sandbox.url), omixaCaller(sandbox.url, 'omixa-2')];
    const { operation } = await first.submitted(omixaJob({ prompt, seconds: 2.5 }));
    await second.submit(omixaJob({ prompt }));
    await second.submit(omixaJob({ prompt, seconds: 99 }));
    await first.look(operation);
    await first.look(operation);

    const of = { promptIncludes: prompt };
    const { counts } = sandbox.control;
    expect(await counts({ ...of, account: 'omixa' })).toMatchObject({
      submissions: 1,
      accepted: 1,
      billedMicros: 250_000,
      looks: 2,
    });
    expect(await counts({ ...of, account: 'omixa-2' })).toMatchObject({
      submissions: 2,
      accepted: 1,
      billedMicros: 100_000,
      looks: 0,
    });
    expect(await counts(of)).toMatchObject({ submissions: 3, accepted: 2 });
    expect(await sandbox.control.ledger({ ...of, call: 'look' })).toMatchObject([
      { account: 'omixa', taskId: operation },
      { account: 'omixa', taskId: operation },
    ]);
  });

  it('notes calls that the vendor does not have, and looks for nothing', async () => {
    sandbox = await startSandbox();
    const omixa = omixaCaller(sandbox.url);
    await omixa.look('operations/none');
    await fetch(`${omixa.jobs}/none`, { method: 'DELETE' });
    await fetch(`${sandbox.url}/omixa/api/v1/videos/jobs/list`);
    const calls = (await sandbox.control.ledger()).map(({ call, outcome }) => `${call} ${outcome}`);
    expect(calls).toEqual(['look not_found', 'cancel not_found', 'other not_found']);
  });

  it('holds tasks at a crawl, and lets all of them end when time is let go', async () => {
    sandbox = await startSandbox({ speed: 0.01 });
    const omixa = omixaCaller(sandbox.url);
    const { operation } = await omixa.submitted(omixaJob());
    const unwatched = await omixa.submitted(omixaJob());
    const looked = async () => (await omixa.looked(operation)).status;
    const tasks = async () => (await bodyOf<{ data: object[] }>(fetch(`${sandbox.url}/_sandbox/tasks`))).data;
    expect(await looked()).toBe('running');
    expect((await tasks())[0]).toMatchObject({ id: operation, state: 'queued', doneAtMs: null });

    await sandbox.control.speed(0);
    await until(async () => (await looked()) === 'succeeded', 20);
    await sandbox.control.speed(0.01);
    expect(await looked()).toBe('succeeded');
    // Nobody looked at this one while time was let go.
    expect((await omixa.looked(unwatched.operation)).status).toBe('succeeded');
    expect((await tasks())[0]).toMatchObject({ state: 'done', progress: 100, doneAtMs: expect.any(Number) });
  }, 30_000);

  it.each<[string, object]>([
    ['an unknown fault', { call: 'submit', fault: 'explode' }],
    ['a fault of another call', { call: 'look', fault: 'stall' }],
    ['a parameter of another fault', { call: 'submit', fault: 'stall', reason: 'auth' }],
    ['no call', { fault: 'stall' }],
  ])('refuses a script with %s', async (_, script) => {
    sandbox = await startSandbox();
    const response = await post(`${sandbox.url}/_sandbox/scripts`, script);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.stringMatching(/./) });
  });
});

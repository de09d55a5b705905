import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { apixoCaller, apixoTask, omixaCaller, omixaJob } from './callers.js';

type Script = Parameters<Awaited<ReturnType<typeof startSandbox>>['control']['script']>[0];

const HANG_SEEN_AFTER_MS = 300;

describe('a scripted fault', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let omixa: ReturnType<typeof omixaCaller>;
  beforeAll(async () => {
    sandbox = await startSandbox();
    omixa = omixaCaller(sandbox.url);
    // Whatever comes later finds the clip there.
    await omixa.fileOf(omixaJob());
  }, 30_000);
  afterAll(() => sandbox.close());

  const planned = async (script: Omit<Script, 'promptIncludes'>) => {
    const prompt = `a boat ${randomUUID()}`;
    await sandbox.control.script({ ...script, promptIncludes: prompt });
    return prompt;
  };
  const submitOf = (prompt: string) => omixa.submit(omixaJob({ prompt }));
  const submittedOf = (prompt: string) => omixa.submitted(omixaJob({ prompt }));
  const hangs = (call: Promise<Response>) =>
    Promise.race([
      call.then(() => false),
      new Promise<boolean>((resolve) => void setTimeout(() => resolve(true), HANG_SEEN_AFTER_MS)),
    ]);

  describe('of a submit', () => {
    it.each([
      ['invalid', 400],
      ['moderation', 400],
      ['auth', 401],
      ['balance', 402],
      ['model_gone', 404],
    ])('refuses for the reason %s', async (reason, status) => {
      const prompt = await planned({ call: 'submit', fault: 'refuse', reason });
      expect((await submitOf(prompt)).status).toBe(status);
      expect(await sandbox.control.counts({ promptIncludes: prompt })).toMatchObject({ submissions: 1, accepted: 0 });
    });

    it('shows an empty account in APIXO’s own words', async () => {
      const prompt = await planned({ call: 'submit', fault: 'refuse', reason: 'balance' });
      const response = await apixoCaller(sandbox.url).submit(apixoTask({ prompt }));
      expect(await response.json()).toEqual({ code: 400, message: 'Insufficient credits', data: null });
    });

    it.each([undefined, 7])('is a rate limit, with Retry-After %s', async (retryAfterSeconds) => {
      const prompt = await planned({
        call: 'submit',
        fault: 'rate_limit',
        ...(retryAfterSeconds && { retryAfterSeconds }),
      });
      const response = await submitOf(prompt);
      expect(response.status).toBe(429);
      expect(response.headers.get('retry-after')).toBe(retryAfterSeconds ? String(retryAfterSeconds) : null);
    });

    it.each([
      ['not_created_drop', 0],
      ['accept_then_drop', 1],
    ])('is a cut connection: %s creates %d tasks', async (fault, accepted) => {
      const prompt = await planned({ call: 'submit', fault });
      await expect(submitOf(prompt)).rejects.toThrow();
      const billedMicros = accepted * 100_000;
      const counts = await sandbox.control.counts({ promptIncludes: prompt });
      expect(counts).toMatchObject({ submissions: 1, accepted, billedMicros });
      const [entry] = await sandbox.control.ledger({ promptIncludes: prompt });
      expect(entry).toMatchObject({ account: 'omixa', call: 'submit', fault, prompt });
      expect(entry?.taskId).toEqual(accepted ? expect.any(String) : undefined);
    });

    it.each([
      ['hang', 0],
      ['accept_then_hang', 1],
    ])('is silence: %s creates %d tasks', async (fault, accepted) => {
      const prompt = await planned({ call: 'submit', fault });
      const call = submitOf(prompt);
      call.catch(() => {});
      expect(await hangs(call)).toBe(true);
      expect(await sandbox.control.counts({ promptIncludes: prompt })).toMatchObject({ submissions: 1, accepted });
    });

    it('is a page with status 200, an error 500, or an answer without an id', async () => {
      const page = await submitOf(await planned({ call: 'submit', fault: 'garbage' }));
      expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
      expect((await submitOf(await planned({ call: 'submit', fault: 'server_error' }))).status).toBe(500);
      const without = await submitOf(await planned({ call: 'submit', fault: 'accept_without_id' }));
      expect(without.status).toBe(200);
      expect(await without.json()).not.toHaveProperty('operation');
    });

    it('finishes at once, in the answer itself', async () => {
      const prompt = await planned({ call: 'submit', fault: 'finished_at_once' });
      const answer = await submittedOf(prompt);
      expect(answer).toMatchObject({ status: 'succeeded', data: [{ content_type: 'video/mp4' }] });
    });
  });

  describe('of a task’s life', () => {
    const looked = async (prompt: string) => {
      const { operation } = await submittedOf(prompt);
      return () => omixa.looked(operation);
    };

    it('fails it, stalls it', async () => {
      const failing = await looked(await planned({ call: 'submit', fault: 'fail_after_accept' }));
      expect(await failing()).toMatchObject({ status: 'failed', error: { code: 'internal' } });
      const stalling = await looked(await planned({ call: 'submit', fault: 'stall' }));
      expect(await stalling()).toMatchObject({ status: 'running', data: [] });
    });

    it('keeps its address back, for ever or for some looks', async () => {
      const forEver = await looked(await planned({ call: 'submit', fault: 'succeed_without_url' }));
      expect(await forEver()).toMatchObject({ status: 'succeeded', data: [] });
      expect(await forEver()).toMatchObject({ status: 'succeeded', data: [] });
      const twice = await looked(await planned({ call: 'submit', fault: 'succeed_without_url', looks: 2 }));
      expect((await twice()).data).toEqual([]);
      expect((await twice()).data).toEqual([]);
      expect((await twice()).data).toHaveLength(1);
    });
  });

  describe('of a look', () => {
    it.each([
      ['server_error', 500],
      ['rate_limit', 429],
    ])('is %s', async (fault, status) => {
      const prompt = await planned({ call: 'look', fault });
      const { operation } = await submittedOf(prompt);
      expect((await omixa.look(operation)).status).toBe(status);
      expect((await omixa.look(operation)).status).toBe(200);
    });

    it('is a word never seen, a page, a cut connection, silence', async () => {
      const word = await planned({ call: 'look', fault: 'unknown_status' });
      const first = await submittedOf(word);
      expect(await omixa.looked(first.operation)).toMatchObject({ status: 'warming_up' });
      const page = await submittedOf(await planned({ call: 'look', fault: 'garbage' }));
      expect((await omixa.look(page.operation)).headers.get('content-type')).toContain('text/html');
      const cut = await submittedOf(await planned({ call: 'look', fault: 'drop' }));
      await expect(omixa.look(cut.operation)).rejects.toThrow();
      const silent = await submittedOf(await planned({ call: 'look', fault: 'hang' }));
      const call = omixa.look(silent.operation);
      call.catch(() => {});
      expect(await hangs(call)).toBe(true);
    });
  });

  it('happens as often as it says, to the account it says', async () => {
    const prompt = await planned({ call: 'submit', fault: 'server_error', account: 'omixa-2', times: 2 });
    const second = omixaCaller(sandbox.url, 'omixa-2');
    expect((await submitOf(prompt)).status).toBe(200);
    const statuses = [];
    for (let call = 1; call <= 3; call += 1) statuses.push((await second.submit(omixaJob({ prompt }))).status);
    expect(statuses).toEqual([500, 500, 200]);
  });

  it('happens by chance to the share that it says', async () => {
    const prompt = await planned({ call: 'submit', fault: 'server_error', times: null, share: 0.5 });
    const statuses = new Set<number>();
    for (let call = 1; call <= 40; call += 1) statuses.add((await submitOf(prompt)).status);
    expect(statuses).toEqual(new Set([200, 500]));
  });

  it('happens to the same calls for the same seed, and to others for another', async () => {
    const metBy = async (seed: number) => {
      const prompt = await planned({ call: 'submit', fault: 'server_error', times: null, share: 0.5, seed });
      const statuses: number[] = [];
      for (let call = 1; call <= 20; call += 1) statuses.push((await submitOf(prompt)).status);
      return statuses.join();
    };
    const first = await metBy(7);
    expect(await metBy(7)).toBe(first);
    expect(await metBy(8)).not.toBe(first);
  });

  it('happens for ever until it is cleared', async () => {
    const prompt = await planned({ call: 'submit', fault: 'server_error', times: null });
    for (let call = 1; call <= 3; call += 1) expect((await submitOf(prompt)).status).toBe(500);
    await sandbox.control.clear();
    expect((await submitOf(prompt)).status).toBe(200);
  });
});

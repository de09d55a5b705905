import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { omixaCaller, omixaJob } from './callers.js';

describe('a finished file', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let omixa: ReturnType<typeof omixaCaller>;
  let whole: Buffer;
  beforeAll(async () => {
    sandbox = await startSandbox();
    omixa = omixaCaller(sandbox.url);
    whole = await bytesOf(await fetch((await omixa.fileOf(omixaJob())).url));
  }, 30_000);
  afterAll(() => sandbox.close());

  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
  const fileWith = async (fault: string, more: object = {}) => {
    const prompt = `a boat ${randomUUID()}`;
    await sandbox.control.script({ call: 'download', fault, promptIncludes: prompt, ...more });
    return { prompt, ...(await omixa.fileOf(omixaJob({ prompt }))) };
  };

  it('has a length, a strong tag and ranges', async () => {
    const { url } = await omixa.fileOf(omixaJob());
    const response = await fetch(url, { headers: { range: 'bytes=100-199' } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes 100-199/${whole.length}`);
    expect(await bytesOf(response)).toEqual(whole.subarray(100, 200));
    const etag = response.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9a-f]+"$/);

    const rest = await fetch(url, { headers: { range: 'bytes=100-', 'if-range': etag } });
    expect(await bytesOf(rest)).toEqual(whole.subarray(100));
    const changed = await fetch(url, { headers: { range: 'bytes=100-', 'if-range': '"another"' } });
    expect([changed.status, (await bytesOf(changed)).length]).toEqual([200, whole.length]);
    expect((await fetch(url, { headers: { range: `bytes=${whole.length}-` } })).status).toBe(416);
  });

  it('has no tag where the sandbox is told so', async () => {
    const without = await startSandbox({ hasEtags: false });
    const { url } = await omixaCaller(without.url).fileOf(omixaJob());
    const response = await fetch(url);
    expect(response.headers.get('etag')).toBeNull();
    expect((await bytesOf(response)).length).toBe(whole.length);
    await without.close();
  });

  it('is counted by the bytes that were sent', async () => {
    const prompt = `a boat ${randomUUID()}`;
    const { url } = await omixa.fileOf(omixaJob({ prompt }));
    await bytesOf(await fetch(url));
    const entry = await until(async () => {
      const [found] = await sandbox.control.ledger({ promptIncludes: prompt, call: 'download' });
      return found?.bytesSent !== undefined && found;
    }, 20);
    expect(entry).toMatchObject({ account: 'omixa', outcome: 'served', bytesSent: whole.length });
  });

  it('cannot be had by a guess, nor under another account', async () => {
    const { url } = await omixa.fileOf(omixaJob());
    expect((await fetch(`${sandbox.url}/omixa/files/0.mp4`)).status).toBe(403);
    expect((await fetch(url.replace('/omixa/', '/omixa-2/'))).status).toBe(403);
  });

  it('expires: the address stays dead, and a fresh look gives another', async () => {
    const { url, operation } = await fileWith('expired');
    for (let call = 1; call <= 2; call += 1) {
      const response = await fetch(url);
      expect([response.status, response.headers.get('content-type')]).toEqual([403, expect.stringContaining('xml')]);
    }
    const fresh = (await omixa.looked(operation)).data[0]?.url ?? '';
    expect(fresh).not.toBe(url);
    expect((await fetch(fresh)).status).toBe(200);
  });

  it('is cut under its full length, and comes whole the next time', async () => {
    const { url } = await fileWith('truncate');
    const response = await fetch(url);
    expect(response.headers.get('content-length')).toBe(String(whole.length));
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect(await bytesOf(await fetch(url))).toEqual(whole);
  });

  it('is cut without a length, so that only the file tells', async () => {
    const { url } = await fileWith('truncate_without_length');
    const response = await fetch(url);
    expect(response.headers.get('content-length')).toBeNull();
    expect(await bytesOf(response)).toEqual(whole.subarray(0, Math.floor(whole.length / 2)));
  });

  it('comes with the wrong type, as a page, empty, from elsewhere, or not at all', async () => {
    const typed = await fetch((await fileWith('wrong_content_type')).url);
    expect(typed.headers.get('content-type')).toBe('application/octet-stream');
    expect(await bytesOf(typed)).toEqual(whole);
    const page = await fetch((await fileWith('html')).url);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<!doctype html>')]);
    expect((await bytesOf(await fetch((await fileWith('empty')).url))).length).toBe(0);
    const { url } = await fileWith('redirect', { location: 'http://10.0.0.1/' });
    const moved = await fetch(url, { redirect: 'manual' });
    expect([moved.status, moved.headers.get('location')]).toEqual([302, 'http://10.0.0.1/']);
    expect((await fetch((await fileWith('server_error')).url)).status).toBe(500);
  });

  it('comes slowly', async () => {
    const { url } = await fileWith('slow', { bytesPerSecond: whole.length * 2 });
    const startedAt = performance.now();
    expect(await bytesOf(await fetch(url))).toEqual(whole);
    expect(performance.now() - startedAt).toBeGreaterThan(300);
  });
});

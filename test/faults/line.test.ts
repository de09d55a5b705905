import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Line, startLine } from '../../faults/line.js';
import { freePort } from '../../standalone/ports.js';
import { answerWith, type ScriptedServer, startScriptedServer } from '../providers/scripted-server.js';

describe('a line that can break', () => {
  let server: ScriptedServer;
  let line: Line;
  beforeEach(async () => {
    server = await startScriptedServer(answerWith(200, 'a'.repeat(100_000)));
    line = await startLine(server.port, await freePort());
  });
  afterEach(() => Promise.all([line.close(), server.close()]));

  const ask = (signal = AbortSignal.timeout(5_000)) =>
    fetch(line.url, { signal, headers: { connection: 'close' } }).then(
      async (response) => (await response.text()).length,
    );

  it('passes everything on', async () => {
    expect(await ask()).toBe(100_000);
    expect(line.broken()).toBe(0);
  });

  it('is late and loses nothing', async () => {
    await line.setMode('late');
    const startedAt = performance.now();
    expect(await ask()).toBe(100_000);
    expect(performance.now() - startedAt).toBeGreaterThan(390);
    expect(line.broken()).toBe(1);
  });

  it('refuses, and is there again', async () => {
    await line.setMode('refuse');
    await expect(ask()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await line.setMode('pass');
    expect(await ask()).toBe(100_000);
  });

  it('is silent, and the other side hears nothing', async () => {
    await line.setMode('silence');
    await expect(ask(AbortSignal.timeout(300))).rejects.toThrow('timeout');
    expect(server.requests).toEqual([]);
  });

  it('cuts the answer off when the other side has heard everything', async () => {
    await line.setMode('reset_after_request');
    await expect(ask()).rejects.toThrow();
    expect(server.requests).toHaveLength(1);
  });
});

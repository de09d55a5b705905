import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { needsSandbox, serviceEnvironment } from '../../standalone/service-environment.js';

describe('serviceEnvironment', () => {
  let home = '';
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'reelay-environment-'));
  });
  afterAll(() => rmSync(home, { recursive: true }));

  const of = (environment: NodeJS.ProcessEnv) =>
    serviceEnvironment(environment, {
      home,
      databaseUrl: 'postgres://db',
      temporalAddress: '127.0.0.1:7233',
      temporalUiUrl: 'http://127.0.0.1:8233',
      namespace: 'default',
      apiPort: 8081,
      sandbox: { url: 'http://127.0.0.1:8090', port: 8090 },
    });

  it('points every account at the sandbox when nothing is set', () => {
    expect(of({})).toMatchObject({
      OMIXA_BASE_URL: 'http://127.0.0.1:8090/omixa',
      OMIXA_2_BASE_URL: 'http://127.0.0.1:8090/omixa-2',
      APIXO_BASE_URL: 'http://127.0.0.1:8090/apixo',
      PIXAZO_BASE_URL: 'http://127.0.0.1:8090/pixazo',
      GLOBALAIOPC_BASE_URL: 'http://127.0.0.1:8090/globalaiopc',
      OPENAI_COMPATIBLE_BASE_URL: 'http://127.0.0.1:8090/openai/v1',
      OMIXA_API_KEY: 'sandbox',
      OMIXA_2_API_KEY: 'sandbox',
      APIXO_API_KEY: 'sandbox',
      ALLOW_LOOPBACK_PORTS: '8090',
      ALLOW_HTTP_PROVIDERS: 'true',
      PUBLIC_URL: 'http://127.0.0.1:8081',
      API_PORT: '8081',
    });
  });

  it('sends no operator’s key to the sandbox, and no made-up key to an operator’s address', () => {
    const environment = of({ OMIXA_API_KEY: 'real', APIXO_BASE_URL: 'https://apixo.example' });
    expect(environment.OMIXA_API_KEY).toBe('real');
    expect(environment.OMIXA_BASE_URL).toBeUndefined();
    expect(environment.APIXO_API_KEY).toBeUndefined();
    expect(environment.APIXO_FIRST_LOOK_MS).toBeUndefined();
    expect(environment.PIXAZO_FIRST_LOOK_MS).toBe('1000');
    expect(environment.OMIXA_2_API_KEY).toBe('sandbox');
  });

  it('hands on the operator’s settings, and ours where theirs are empty', () => {
    const environment = of({ SUBMIT_TIMEOUT_MS: '3000', PUBLIC_URL: 'https://reelay.example', API_HOST: '' });
    expect(environment).toMatchObject({ SUBMIT_TIMEOUT_MS: '3000', PUBLIC_URL: 'https://reelay.example' });
    expect(environment.API_HOST).toBe('127.0.0.1');
  });

  it('opens the sandbox’s port beside the loopback ports that the operator opened', () => {
    expect(of({ ALLOW_LOOPBACK_PORTS: '9000,9001' }).ALLOW_LOOPBACK_PORTS).toBe('9000,9001,8090');
  });

  it('keeps one secret for links, readable for its owner only', () => {
    const secret = of({}).LINK_SECRET;
    expect(secret?.length).toBeGreaterThanOrEqual(32);
    expect(of({}).LINK_SECRET).toBe(secret);
    expect(statSync(join(home, 'link-secret')).mode & 0o777).toBe(0o600);
    expect(of({ LINK_SECRET: 'mine' }).LINK_SECRET).toBe('mine');
  });

  it('leaves a secret that comes from a file to that file', () => {
    writeFileSync(join(home, 'given'), 'from a file');
    const environment = of({ LINK_SECRET_FILE: join(home, 'given') });
    expect(environment.LINK_SECRET).toBeUndefined();
    expect(environment.LINK_SECRET_FILE).toBe(join(home, 'given'));
  });
});

describe('needsSandbox', () => {
  it('is false only when every account has an address or a key', () => {
    expect(needsSandbox({})).toBe(true);
    expect(needsSandbox({ OMIXA_BASE_URL: 'https://a.example', OMIXA_2_API_KEY: 'key' })).toBe(true);
    const all = {
      OMIXA_BASE_URL: 'https://a.example',
      OMIXA_2_API_KEY: 'key',
      APIXO_API_KEY: 'key',
      PIXAZO_API_KEY: 'key',
      GLOBALAIOPC_BASE_URL: 'https://b.example',
      OPENAI_COMPATIBLE_API_KEY: 'key',
    };
    expect(needsSandbox({ ...all, PIXAZO_API_KEY: '' })).toBe(true);
    expect(needsSandbox(all)).toBe(false);
  });
});

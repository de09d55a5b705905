import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPublicModels } from '../../api/models.js';
import { abilitiesOf } from '../../providers/registry.js';
import { buildIdOf } from '../../runtime/build-id.js';
import { readCatalogue, withoutKeylessAccounts } from '../../runtime/catalogue.js';
import { readConfig, readWorkerNames } from '../../runtime/config.js';
import { findProjectRoot } from '../../runtime/root.js';

const valid = { DATABASE_URL: 'postgres://user@127.0.0.1/reelay', LINK_SECRET: 'x'.repeat(32) };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reelay-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function aFile(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('readConfig', () => {
  it('fills in what is not set, and takes an empty text for unset', () => {
    const config = readConfig({ ...valid, API_PORT: '' });
    expect(config).toMatchObject({ API_PORT: 8080, PUBLIC_URL: 'http://127.0.0.1:8080', ALLOW_HTTP_PROVIDERS: false });
    expect(config.ARTIFACTS_URL).toMatch(/^file:.*\.reelay\/artifacts$/);
  });

  it('names every wrong setting at once', () => {
    const wrong = { LINK_SECRET: 'short', API_PORT: '70000', ALLOW_LOOPBACK_PORTS: '80,x', LOG_LEVEL: 'loud' };
    const names = [...Object.keys(wrong), 'DATABASE_URL'];
    for (const name of names) expect(() => readConfig(wrong)).toThrow(new RegExp(`at ${name}`));
  });

  it('reads a secret from the file that its name with _FILE gives', () => {
    const LINK_SECRET_FILE = aFile('secret', `${'y'.repeat(40)}\n`);
    expect(readConfig({ DATABASE_URL: valid.DATABASE_URL, LINK_SECRET_FILE }).LINK_SECRET).toBe('y'.repeat(40));
  });

  it('takes a folder or a bucket for files, and the keys of the bucket from files', () => {
    const AWS_SECRET_ACCESS_KEY_FILE = aFile('key', 'of the bucket\n');
    const given = { ARTIFACTS_URL: 's3://films/reelay', S3_FORCE_PATH_STYLE: 'false', AWS_SECRET_ACCESS_KEY_FILE };
    expect(readConfig({ ...valid, ...given })).toMatchObject({
      ARTIFACTS_URL: 's3://films/reelay',
      S3_FORCE_PATH_STYLE: false,
      AWS_SECRET_ACCESS_KEY: 'of the bucket',
      ARTIFACT_LINKS: 'proxy',
    });
    const wrong = {
      ARTIFACTS_URL: 'https://films.example/reelay',
      S3_ENDPOINT: 'films.example',
      ARTIFACT_LINKS: 'all',
    };
    for (const name of Object.keys(wrong)) expect(() => readConfig({ ...valid, ...wrong })).toThrow(`at ${name}`);
  });

  it('names the build after what it was built from, unless it is given a name', () => {
    const { version } = JSON.parse(readFileSync(join(findProjectRoot(), 'package.json'), 'utf8'));
    const { WORKER_BUILD_ID } = readConfig(valid);
    expect(WORKER_BUILD_ID.startsWith(version)).toBe(true);
    expect(readWorkerNames({})).toEqual({ deployment: 'reelay', buildId: WORKER_BUILD_ID });
    expect(readConfig({ ...valid, WORKER_BUILD_ID: '2026-11-21.3' }).WORKER_BUILD_ID).toBe('2026-11-21.3');
    expect(() => readConfig({ ...valid, WORKER_BUILD_ID: 'a:b' })).toThrow('WORKER_BUILD_ID');
  });

  it('tells builds of other sources apart', () => {
    const folders = ['one', 'other'].map((name) => {
      const root = join(folder, name);
      mkdirSync(join(root, 'dist'), { recursive: true });
      writeFileSync(join(root, 'package.json'), JSON.stringify({ version: '1.2.3' }));
      writeFileSync(join(root, 'dist', '.built-from'), name.repeat(8));
      return root;
    });
    const [one, other] = folders.map(buildIdOf);
    expect(one).toMatch(/^1\.2\.3-/);
    expect(one).not.toBe(other);
  });

  it('reads the ports that may be reached on this machine', () => {
    expect(readConfig({ ...valid, ALLOW_LOOPBACK_PORTS: '8090,9000' }).ALLOW_LOOPBACK_PORTS).toEqual([8090, 9000]);
  });
});

describe('readCatalogue', () => {
  const model = `models:
  sora:
    priceMicrosPerSecond: 100000
    minimumHoldMicros: 10000
    defaultSeconds: 8
    routes: [{ account: omixa, upstreamModel: sora, costMicrosPerSecond: 100000 }]
`;
  const accounts = (baseUrl: string) => `accounts:
  omixa: { adapter: omixa, baseUrl: "${baseUrl}", credential: OMIXA_API_KEY }
`;

  const variable = (text: string) => `\${${text}}`;

  it('fills addresses from the environment, or from their defaults', () => {
    const file = aFile('catalogue.yaml', accounts(variable('OMIXA_BASE_URL:-https://omixa.cloud')) + model);
    expect(readCatalogue(file, {}).accounts.omixa?.baseUrl).toBe('https://omixa.cloud');
    const environment = { OMIXA_BASE_URL: 'https://other.example' };
    expect(readCatalogue(file, environment).accounts.omixa?.baseUrl).toBe('https://other.example');
  });

  it('refuses a variable that is not set, naming it', () => {
    const file = aFile('unset.yaml', accounts(variable('NOWHERE')) + model);
    expect(() => readCatalogue(file, {})).toThrow('NOWHERE');
  });

  it('refuses a route to an account that is not there, naming it', () => {
    const file = aFile(
      'route.yaml',
      accounts('https://omixa.cloud') + model.replace('account: omixa', 'account: nobody'),
    );
    expect(() => readCatalogue(file, {})).toThrow('no account is named nobody');
  });

  it('takes the one that comes with the project, whose routes every adapter knows', () => {
    const catalogue = readCatalogue('config/catalogue.yaml', {});
    const models = createPublicModels(catalogue, ({ adapter, settings }, model) =>
      abilitiesOf(adapter, model, settings),
    );
    const routes = [...models.values()].map((model) => [model.name, model.routes.map(({ account }) => account)]);
    expect(Object.fromEntries(routes)).toEqual({
      sora: ['omixa', 'omixa-2', 'apixo'],
      'sora-2': ['openai-compatible', 'omixa', 'apixo', 'globalaiopc'],
      'sora-2-pro': ['pixazo', 'openai-compatible', 'globalaiopc'],
      'sora-2-stable': ['globalaiopc'],
    });
  });
});

describe('withoutKeylessAccounts', () => {
  it('offers only what an account with a key can make', () => {
    const all = readCatalogue('config/catalogue.yaml', {});
    const { catalogue, keyless } = withoutKeylessAccounts(all, (variable) => variable === 'APIXO_API_KEY');

    expect(keyless.toSorted()).toEqual(['globalaiopc', 'omixa', 'omixa-2', 'openai-compatible', 'pixazo']);
    expect(Object.keys(catalogue.models)).toEqual(['sora', 'sora-2']);
    expect(catalogue.models.sora?.routes.map(({ account }) => account)).toEqual(['apixo']);
  });
});

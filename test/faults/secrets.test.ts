import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkSecrets } from '../../faults/invariants/secrets.js';

describe('the search for what must be in no log and no history', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'reelay-secrets-'));
    mkdirSync(join(home, 'logs'));
    writeFileSync(join(home, 'link-secret'), 'the secret that signs links\n');
    writeFileSync(join(home, 'logs', 'worker.log'), '{"jobId":"job_1"}\n');
    writeFileSync(join(home, 'temporal.db'), 'a history of job_1');
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const found = () => checkSecrets({ home, canaries: ['canary-1'], anId: 'job_1' }).map(({ what }) => what);

  it('finds nothing where there is nothing', () => {
    expect(found()).toEqual([]);
  });

  it.each([
    ['a prompt in a log', 'logs/api.log', 'a boat canary-1'],
    ['a prompt in a history', 'temporal.db-wal', 'a boat canary-1'],
    ['the secret of links', 'logs/postgres.log', 'the secret that signs links'],
    ['an address of the providers', 'temporal.db-wal', `http://127.0.0.1/omixa/files/${'a'.repeat(32)}.mp4`],
    ['an address of ours', 'logs/api.log', `GET /content?expires=1&signature=${'b'.repeat(40)}`],
  ])('finds %s', (_, name, text) => {
    writeFileSync(join(home, name), text);
    expect(found()).toEqual([expect.stringContaining(name)]);
  });

  it('says so when it could not have found anything', () => {
    writeFileSync(join(home, 'temporal.db'), 'nothing that we know');
    writeFileSync(join(home, 'logs', 'worker.log'), '');
    expect(found()).toEqual(['the histories could not be searched', 'the log of the worker could not be searched']);
  });
});

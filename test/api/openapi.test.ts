import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { dialectDescriptions } from '../../api/dialects.js';
import { describeApi } from '../../api/openapi.js';
import { checkAsDescribed } from '../support/described.js';

const publicUrl = 'https://reelay.test';
const document = describeApi(dialectDescriptions, { publicUrl });

describe('the description of the api', () => {
  it('passes the rules of .spectral.yaml', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reelay-openapi-'));
    const file = join(folder, 'openapi.json');
    await writeFile(file, JSON.stringify(document));

    const lint = ['lint', '--quiet', '--fail-severity', 'hint', '--ruleset', '.spectral.yaml', file];
    const report = await promisify(execFile)('node_modules/.bin/spectral', lint).then(
      ({ stdout }) => stdout,
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
    );

    await rm(folder, { recursive: true });
    expect(report).toBe('');
  }, 60_000);

  it('has the version of the package', async () => {
    const manifest: unknown = JSON.parse(await readFile('package.json', 'utf8'));

    expect(manifest).toMatchObject({ version: document.info.version });
  });
});

describe('an answer is held to the description and fails', () => {
  const asked = { method: 'GET', path: '/readyz' };
  const answer = (body: unknown, init: ResponseInit = {}) => Response.json(body, init);
  const good = { status: 'ready', database: 'ok', temporal: 'ok' };
  const { database: _database, ...short } = good;
  it.each<[string, typeof asked, Response, RegExp]>([
    ['with a field that is not told of', asked, answer({ ...good, more: 1 }), /must NOT have additional properties/],
    ['without a field', asked, answer(short), /must have required property 'database'/],
    ['with a word that is not known', asked, answer({ ...good, temporal: 'tired' }), /must be equal to one of/],
    ['with another status', asked, answer(good, { status: 418 }), /knows no answer 418 of \/readyz/],
    ['of another type', asked, new Response('ok', { headers: { 'content-type': 'text/html' } }), /is text\/html/],
    ['to a method that is not taken', { ...asked, method: 'PUT' }, answer(good), /knows no answer 200/],
  ])('%s', async (_name, request, response, message) => {
    await expect(checkAsDescribed(request, response)).rejects.toThrow(message);
  });

  it('never when it is as described, or nothing is told of its address', async () => {
    await checkAsDescribed(asked, answer(good));
    await checkAsDescribed({ ...asked, path: '/elsewhere' }, answer({ any: 'thing' }));
  });
});

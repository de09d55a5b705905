import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { findProjectRoot } from '../../runtime/root.js';
import type { Api } from '../support/api.js';
import { startGlobalaiopc } from './globalaiopc-world.js';
import { startPixazo } from './pixazo-world.js';

const run = promisify(execFile);

/** The commands of a page, one text for each block, without those that set the two variables. */
function blocksOf(name: string): string[] {
  const page = readFileSync(join(findProjectRoot(), 'docs', 'dialects', `${name}.md`), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands);
  return blocks.filter((commands) => !commands.startsWith('export '));
}

let api: Api;
afterEach(() => api.close());

describe('the commands of docs/dialects', () => {
  it.each([
    ['pixazo', startPixazo, /^(sora-video|video)_/],
    ['globalaiopc', startGlobalaiopc, /^sora_/],
  ] as const)('%s.md run as printed, one after the other', async (name, start, id) => {
    api = await start();
    const { secret } = await api.addWorkspace();
    const blocks = blocksOf(name);

    const { stdout } = await run('bash', ['-euc', blocks.join('\nprintf "\\036"\n')], {
      env: { ...process.env, REELAY_URL: api.url, REELAY_KEY: secret },
    });

    const answers = stdout.split('\u001e').map((text) => JSON.parse(text) as { id?: string; request_id?: string });
    expect(answers.length).toBeGreaterThan(2);
    expect(answers.map((answer) => answer.request_id ?? answer.id)).toEqual(
      blocks.map(() => expect.stringMatching(id)),
    );
  });
});

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { startApixo } from './apixo-world.js';

it('the commands of docs/dialects/apixo.md run as printed, one after the other', async () => {
  const api = await startApixo();
  const { secret } = await api.addWorkspace();
  const page = await readFile('docs/dialects/apixo.md', 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands).slice(1);

  const { stdout } = await promisify(execFile)('bash', ['-euc', blocks.join('\nprintf "\\036"\n')], {
    env: { ...process.env, REELAY_URL: api.url, REELAY_KEY: secret },
  });

  expect(stdout.split('\u001e').map((text) => JSON.parse(text) as unknown)).toEqual(
    blocks.map(() => ({
      code: 200,
      message: 'success',
      data: expect.objectContaining({ taskId: expect.stringMatching(/^task_/) }),
    })),
  );
  expect(blocks).toHaveLength(3);
  await api.close();
});

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { findProjectRoot } from '../../runtime/root.js';
import { readJson } from '../support/api.js';
import { livesOf } from '../support/lives.js';
import { until } from '../support/until.js';
import { jobIdOf, startOpenai, videos } from './openai-world.js';

it('the commands of docs/dialects/openai.md run as printed, one after the other', async () => {
  const page = readFileSync(join(findProjectRoot(), 'docs', 'dialects', 'openai.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)]
    .map(([, commands = '']) => commands)
    .filter((commands) => !commands.startsWith('export '));
  const api = await startOpenai();
  const { secret, get } = await api.addWorkspace();
  const cwd = await mkdtemp(join(tmpdir(), 'reelay-openai-'));

  const running = promisify(execFile)('bash', ['-euc', blocks.join('\nprintf "\\036"\n')], {
    cwd,
    env: { ...process.env, REELAY_URL: api.url, REELAY_KEY: secret },
  });
  // The page asks for the newest video when it has made two, and waits for its end.
  const newest = await until(async () => {
    const { data } = (await readJson(await get(videos))) as unknown as { data: { id: string }[] };
    return data.length === 2 ? data[0]?.id : undefined;
  });
  const { bytes } = await livesOf(api).succeed(jobIdOf(newest));
  const { stdout } = await running;

  const fetched = await readFile(join(cwd, 'boat.mp4'));
  await Promise.all([api.close(), rm(cwd, { recursive: true })]);
  const answers = stdout.split('\u001e').map((text) => (text === '' ? null : (JSON.parse(text) as unknown)));
  const queued = { object: 'video', status: 'queued', size: '1280x720' };
  expect(answers).toEqual([
    expect.objectContaining({ ...queued, seconds: '4', prompt: 'A paper boat crosses a quiet lake at dawn.' }),
    expect.objectContaining({ ...queued, id: newest, prompt: 'The page slowly fills with ink.' }),
    expect.objectContaining({ id: newest }),
    expect.objectContaining({ object: 'list', has_more: false }),
    expect.objectContaining({ ...queued, remixed_from_video_id: newest }),
    expect.objectContaining({ ...queued, seconds: '12' }),
    null,
    { id: newest, object: 'video.deleted', deleted: true },
  ]);
  expect(fetched.equals(bytes)).toBe(true);
}, 30_000);

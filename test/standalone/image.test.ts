import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findProjectRoot } from '../../runtime/root.js';

const root = findProjectRoot();
const SWITCH = 'REELAY_CRASH_POINTS';

/** What the Dockerfile does to `dist` after the build, done to a copy. */
describe('the build that goes into an image', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'reelay-image-'));
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const steps = readFileSync(join(root, 'Dockerfile'), 'utf8')
      .replaceAll('\\\n', ' ')
      .split(/\n|&&/)
      .map((step) => step.trim())
      .filter((step) => /^(rm|mv) .*\bdist\//.test(step));
    execFileSync('sh', ['-ec', steps.join('\n')], { cwd: folder });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const filesWith = (text: string, dist: string) =>
    readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.js') && readFileSync(join(dist, name), 'utf8').includes(text),
    );

  it('has crash points that nothing can switch on', async () => {
    expect(filesWith(SWITCH, join(root, 'dist'))).toContain('runtime/crash-points.js');
    expect(filesWith(SWITCH, join(folder, 'dist'))).toEqual([]);
    const file = pathToFileURL(join(folder, 'dist', 'runtime', 'crash-points.js')).href;
    const script = `const { armCrashPoints, crashPoint } = await import(${JSON.stringify(file)});
      armCrashPoints({ ${SWITCH}: ${JSON.stringify(folder)} });
      console.log(crashPoint('S4', { jobId: 'job_1' }));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, NODE_OPTIONS: '' },
      encoding: 'utf8',
    });
    expect(output).toBe('undefined\n');
  });

  it('has neither the sandbox nor what runs one machine, measures it or breaks it', () => {
    const rooms = readdirSync(join(folder, 'dist'));
    expect(rooms).toEqual(expect.arrayContaining(['api', 'worker', 'cli']));
    for (const room of ['sandbox', 'standalone', 'bench', 'faults']) expect(rooms).not.toContain(room);
  });
});

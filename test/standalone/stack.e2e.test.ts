import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findProjectRoot } from '../../runtime/root.js';
import { until } from '../support/until.js';

type StackFile = { apiUrl: string; apiKey: string; sandboxUrl: string; pids: Record<string, number> };

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

// Other tests start stacks at the same time: whoever looks for a free port there and then may find the same one.
const anyPorts = { API_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', SANDBOX_PORT: '0', POSTGRES_PORT: '0' };

/** The commands as a shell runs them, on a home of its own. */
describe('npm start and npm run demo', () => {
  let home = '';
  const started: number[] = [];
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'reelay-stack-'));
  });
  afterAll(() => {
    for (const pid of started) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });

  function run(file: string, settings: Record<string, string> = {}) {
    const env = {
      ...process.env,
      NODE_OPTIONS: '',
      NO_COLOR: '1',
      REELAY_HOME: home,
      SANDBOX_SPEED: '0',
      ...anyPorts,
      ...settings,
    };
    const child = spawn(process.execPath, [join(findProjectRoot(), 'dist', 'standalone', file)], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid) started.push(child.pid);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { child, ended, output: () => output };
  }

  async function startStack(settings?: Record<string, string>) {
    const supervisor = run('main.js', settings);
    await until(() => /ready in \d/.test(supervisor.output()) || supervisor.child.exitCode !== null);
    if (supervisor.child.exitCode !== null) throw new Error(supervisor.output());
    return supervisor;
  }

  const stack = (): StackFile => JSON.parse(readFileSync(join(home, 'stack.json'), 'utf8'));
  const stop = async ({ child, ended }: Awaited<ReturnType<typeof startStack>>) => {
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  };

  it('comes up with a key that works, refuses a second start, and leaves nothing running', async () => {
    const supervisor = await startStack();
    const { apiUrl, apiKey, pids } = stack();
    expect(Object.keys(pids).toSorted()).toEqual(['api', 'postgres', 'sandbox', 'supervisor', 'temporal', 'worker']);
    expect(supervisor.output()).toContain(apiKey);
    for (const file of ['stack.json', 'development-key', 'postgres-password', 'link-secret']) {
      expect(statSync(join(home, file)).mode & 0o077).toBe(0);
    }
    const headers = { authorization: `Bearer ${apiKey}` };
    expect((await fetch(new URL('/api/v1/videos/jobs', apiUrl), { headers })).status).toBe(200);

    const second = run('main.js');
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(apiUrl);
    expect(stack().pids).toEqual(pids);

    await stop(supervisor);
    expect(Object.values(pids).filter(isAlive)).toEqual([]);
    expect(existsSync(join(home, 'stack.json'))).toBe(false);
  }, 60_000);

  it('goes on where it was after everything was killed, with the same key', async () => {
    await startStack();
    const before = stack();
    for (const pid of Object.values(before.pids)) process.kill(pid, 'SIGKILL');
    const supervisor = await startStack();
    const after = stack();
    expect(after).toMatchObject({ apiKey: before.apiKey, apiUrl: before.apiUrl, sandboxUrl: before.sandboxUrl });
    await stop(supervisor);
  }, 60_000);

  it('stops what a killed supervisor left behind', async () => {
    await startStack();
    const before = stack();
    process.kill(before.pids.supervisor ?? 0, 'SIGKILL');
    const supervisor = await startStack();
    expect(Object.values(before.pids).filter(isAlive)).toEqual([]);
    await stop(supervisor);
  }, 60_000);

  it('leaves nothing running when it is told to stop while it starts', async () => {
    const supervisor = run('main.js');
    const pids = await until(() => {
      const { parts } = JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
      return parts.postgres && Object.values<{ pid: number }>(parts).map(({ pid }) => pid);
    });
    supervisor.child.kill('SIGTERM');
    expect(await supervisor.ended).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  }, 60_000);

  it('ends with the reason when a setting is wrong', async () => {
    const supervisor = run('main.js', { LINK_SECRET: 'short' });
    expect(await supervisor.ended).toBe(1);
    expect(supervisor.output()).toContain('LINK_SECRET');
  }, 60_000);

  it('demo: brings a stack up, saves a video and a film of a chain that met with misfortune, and leaves nothing running', async () => {
    const demo = run('demo.js');
    expect({ code: await demo.ended, output: demo.output() }).toMatchObject({ code: 0 });
    const files = readdirSync(join(home, 'demo')).toSorted();
    expect(files).toEqual([expect.stringMatching(/^job_\w+\.mp4$/), expect.stringMatching(/^pipe_\w+\.mp4$/)]);
    for (const file of files) {
      expect(statSync(join(home, 'demo', file)).size).toBeGreaterThan(10_000);
      expect(demo.output()).toContain(join(home, 'demo', file));
    }
    expect(demo.output()).toMatch(/shot +text_to_video +omixa +4\.00 s/);
    expect(demo.output()).toMatch(/└─ longer +extend +omixa, native +8\.00 s/);
    expect(demo.output()).toMatch(/└─ longest +extend +omixa-2, bridged +11\.96 s/);
    expect(demo.output()).toMatch(/└─ film +concat +- +23\.92 s/);
    expect(demo.output()).toMatch(/length +23\.92 s; its parts are 23\.92 s long/);
    expect(demo.output()).toMatch(/charged +0\.800000 USD/);
    expect(demo.output()).toMatch(/Temporal UI +http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/job_/);
    expect(existsSync(join(home, 'stack.json'))).toBe(false);
  }, 180_000);

  it('demo: uses the stack that runs, and leaves it running', async () => {
    const supervisor = await startStack();
    const demo = run('demo.js');
    expect({ code: await demo.ended, output: demo.output() }).toMatchObject({ code: 0 });
    expect(isAlive(stack().pids.supervisor ?? 0)).toBe(true);
    await stop(supervisor);
  }, 180_000);
});

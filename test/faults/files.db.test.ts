import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkFiles } from '../../faults/invariants/files.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const KEY = 'ab/abcdefabcdef.mp4';
const CLIP = Buffer.from('the bytes that the provider served');

describe('the check of stored files', () => {
  let database: Database;
  let close: () => Promise<void>;
  let folder: string;
  beforeEach(async () => {
    ({ database, close } = await openTestDatabase());
    folder = mkdtempSync(join(tmpdir(), 'reelay-files-'));
    for (const name of ['artifacts', 'clips']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'clips', 'clip.mp4'), CLIP);
    await keep(CLIP);
  });
  afterEach(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  /** A video of a running job: its row, and its file unless that is what goes wrong. */
  async function keep(bytes: Buffer): Promise<void> {
    const job = aNewJob(await aWorkspace(database, { credits: 1 }));
    await createJobs(database).accept(job);
    await createAttempts(database).intend({ jobId: job.id, attempt: 1, route: aRoute({}) });
    const stored = { key: KEY, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    const facts = { width: 1280, height: 720, durationSeconds: 8, framesPerSecond: 24 };
    await createArtifacts(database).addVideo({
      jobId: job.id,
      variant: 0,
      stored,
      contentType: 'video/mp4',
      facts,
      retentionDays: 1,
    });
    put(KEY, bytes);
  }

  function put(name: string, bytes: Buffer, ageSeconds = 60): void {
    const path = join(folder, 'artifacts', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    const at = Date.now() / 1_000 - ageSeconds;
    utimesSync(path, at, at);
  }

  const found = async () => {
    const places = { artifactsDir: join(folder, 'artifacts'), clipsDir: join(folder, 'clips') };
    const violations = await checkFiles({ database, ...places, graceMs: 10_000 });
    return violations.map(({ what }) => what);
  };

  it('finds nothing wrong where rows and files agree', async () => {
    expect(await found()).toEqual([]);
  });

  it('finds a file that was changed, by one byte of the same length', async () => {
    put(KEY, Buffer.from('the bytes that the provider serveD'));
    expect(await found()).toEqual([`${KEY} is not what its row says`, `${KEY} has bytes that no provider served`]);
  });

  it('finds a row whose file is gone', async () => {
    rmSync(join(folder, 'artifacts', KEY));
    expect(await found()).toEqual([`the row of ${KEY} has no file`]);
  });

  it('finds files without a row and halves of files, once they are older than the grace', async () => {
    put('cd/cdcdcdcdcd.mp4', CLIP);
    put('tmp/half.part', CLIP);
    expect((await found()).toSorted()).toEqual(['cd/cdcdcdcdcd.mp4 has no row', 'tmp/half.part was left behind']);
    put('cd/cdcdcdcdcd.mp4', CLIP, 0);
    put('tmp/half.part', CLIP, 0);
    expect(await found()).toEqual([]);
  });
});

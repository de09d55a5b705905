import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDiskStore } from '../../artifacts/disk-store.js';
import { type ArtifactStore, newArtifactKey, storeBytes } from '../../artifacts/store.js';
import { newId } from '../../runtime/ids.js';
import { createArtifacts } from '../../store/artifacts.js';
import type { Database } from '../../store/database.js';
import { createHousekeeping } from '../../worker/housekeeping.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('housekeeping', () => {
  let database: Database;
  let close: () => Promise<void>;
  let folder: string;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
    folder = await mkdtemp(join(tmpdir(), 'reelay-housekeeping-'));
  });
  afterAll(async () => {
    await close();
    await rm(folder, { recursive: true });
  });

  it('removes the files whose time is over and what dead processes left, and nothing else', async () => {
    const { workspaceId } = await aWorkspace(database, { credits: 0 });
    const store = createDiskStore(pathToFileURL(folder));
    const anArtifact = async (expiresAt: Date) => {
      const stored = await storeBytes(store, { key: newArtifactKey('png'), bytes: Buffer.from('bytes') });
      const { key: location, bytes, sha256 } = stored;
      const row = { id: newId('art'), workspace_id: workspaceId, role: 'input' as const, location, bytes, sha256 };
      await database.queries
        .insertInto('artifacts')
        .values({ ...row, content_type: 'image/png', expires_at: expiresAt })
        .execute();
      return { id: row.id, location };
    };
    const over = await anArtifact(new Date(Date.now() - HOUR_MS));
    const kept = await anArtifact(new Date(Date.now() + HOUR_MS));
    await utimes(join(folder, kept.location), new Date(Date.now() - 2 * HOUR_MS), new Date(Date.now() - 2 * HOUR_MS));
    await mkdir(join(folder, 'tmp'), { recursive: true });
    const [old, young] = [join(folder, 'tmp', 'old.part'), join(folder, 'tmp', 'young.part')];
    for (const path of [old, young]) await writeFile(path, 'half');
    await utimes(old, new Date(Date.now() - 2 * HOUR_MS), new Date(Date.now() - 2 * HOUR_MS));

    expect(await tidy({ store })).toEqual([{ unfinished: 1, unowned: 0, expired: 1 }]);

    expect(await store.stat(over.location)).toBeUndefined();
    expect(await store.stat(kept.location)).toBeDefined();
    expect(await readdir(join(folder, 'tmp'))).toEqual(['young.part']);
    const rows = await database.queries.selectFrom('artifacts').select(['id', 'deleted_at']).orderBy('id').execute();
    expect(rows.filter(({ deleted_at }) => deleted_at !== null).map(({ id }) => id)).toEqual([over.id]);
  });

  it('removes files that no row names once they are old, and leaves one alone that somebody is about to use', async () => {
    const store = createDiskStore(pathToFileURL(folder));
    const old = await aFile({ store, ageMs: 2 * DAY_MS });
    const young = await aFile({ store, ageMs: DAY_MS / 2 });
    const used = await aFile({ store, ageMs: 2 * DAY_MS });
    await store.describe(used);

    expect(await tidy({ store })).toEqual([{ unfinished: 0, unowned: 1, expired: 0 }]);

    const isThere = async (key: string) => (await store.stat(key)) !== undefined;
    expect([await isThere(old), await isThere(young), await isThere(used)]).toEqual([false, true, true]);
    expect(await tidy({ store })).toEqual([]);
  });

  it('removes none of them, however old, where they are to live for ever', async () => {
    const store = createDiskStore(pathToFileURL(folder));
    const old = await aFile({ store, ageMs: 1_000 * DAY_MS });
    expect(await tidy({ store, unownedFilesLiveMs: 0 })).toEqual([]);
    expect(await store.stat(old)).toBeDefined();
    expect(await tidy({ store })).toHaveLength(1);
  });

  async function aFile({ store, ageMs }: { store: ArtifactStore; ageMs: number }): Promise<string> {
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: Buffer.from('bytes') });
    const at = new Date(Date.now() - ageMs);
    await utimes(join(folder, key), at, at);
    return key;
  }

  /** What it says of one round. */
  async function tidy({ store, unownedFilesLiveMs = DAY_MS }: { store: ArtifactStore; unownedFilesLiveMs?: number }) {
    const said: object[] = [];
    const logger = { info: (facts: object) => void said.push(facts), warn: (facts: object) => void said.push(facts) };
    const artifacts = createArtifacts(database);
    const parts = { artifacts, store, logger, unfinishedFilesLiveMs: HOUR_MS, unownedFilesLiveMs };
    await createHousekeeping(parts).tidy();
    return said;
  }
});

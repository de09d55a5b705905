import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newArtifactKey } from '../../artifacts/store.js';
import { newId } from '../../runtime/ids.js';
import { type Artifacts, createArtifacts } from '../../store/artifacts.js';
import type { Database } from '../../store/database.js';
import { areBytesGone, createUploads, type NewUpload, type Uploads } from '../../store/uploads.js';
import { countWaiting } from '../support/locks.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { until } from '../support/until.js';

describe('bytes that several rows name', () => {
  let database: Database;
  let close: () => Promise<void>;
  let uploads: Uploads;
  let artifacts: Artifacts;
  let workspaceId: string;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
    uploads = createUploads(database);
    artifacts = createArtifacts(database);
    ({ workspaceId } = await aWorkspace(database, { credits: 0 }));
  });
  afterAll(() => close());

  const anUpload = (content: string): NewUpload => ({
    id: newId('file'),
    workspaceId,
    stored: {
      key: newArtifactKey('png'),
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    },
    contentType: 'image/png',
    width: 1,
    height: 1,
    durationSeconds: null,
    framesPerSecond: null,
    retentionDays: 1,
  });

  /** A row that names these bytes as well, as a job's input does. */
  const nameToo = (location: string, run = database.run) =>
    run(
      {
        name: 'name_too',
        text: `insert into artifacts (id, workspace_id, role, location, bytes, sha256, content_type, expires_at)
          values ($1, $2, 'input', $3, 1, 'x', 'image/png', now() + interval '1 day')`,
      },
      [newId('art'), workspaceId, location],
    );

  it('are not taken away while somebody begins to name them', async () => {
    const { file } = await uploads.add(anUpload('begun'));
    let removed = 0;
    let releasing: Promise<boolean> | undefined;

    await database.transaction(async (inOne) => {
      await nameToo(file.location, inOne);
      // Through another row of the same bytes, so that nothing but this transaction names them when it ends.
      await inOne(
        { name: 'end_file', text: `update artifacts set expires_at = now() - interval '1 second' where id = $1` },
        [file.id],
      );
      releasing = artifacts.release(file.location, async () => {
        removed += 1;
      });
      await until(async () => (await countWaiting(database)) > 0, 10);
    });

    expect(await releasing).toBe(false);
    expect(removed).toBe(0);
  });

  it('cannot be named any more once they are being taken away', async () => {
    const { file } = await uploads.add(anUpload('ending'));
    await uploads.remove({ id: file.id, workspaceId });
    let finish = () => {};
    const removing = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let isRemoving = false;
    const releasing = artifacts.release(file.location, () => {
      isRemoving = true;
      return removing;
    });
    await until(() => isRemoving, 5);

    const naming = nameToo(file.location).then(
      () => 'named',
      (error: unknown) => (areBytesGone(error) ? 'gone' : error),
    );
    finish();

    expect(await naming).toBe('gone');
    expect(await releasing).toBe(true);
    expect(await uploads.keptBytes({ workspaceId, sha256: file.sha256 })).toBeUndefined();
  });

  it('are there for every row that is kept, and for no other, whatever happens at once', async () => {
    const store = new Set<string>();
    const contents = ['first', 'second', 'third'];
    let isOver = false;
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const tidy = async () => {
      for (const { location } of await artifacts.expired(100)) {
        await artifacts.release(location, async () => {
          store.delete(location);
        });
      }
    };
    const caller = async () => {
      for (let round = 0; round < 30; round += 1) {
        const upload = anUpload(contents[random(contents.length)] ?? '');
        store.add(upload.stored.key);
        // Refused as often as others take away what it was about to name.
        const add = (): ReturnType<Uploads['add']> =>
          uploads.add(upload).catch((error: unknown) => {
            if (areBytesGone(error)) return add();
            throw error;
          });
        const { file } = await add();
        if (file.location !== upload.stored.key) store.delete(upload.stored.key);
        if (random(4) > 0) await uploads.remove({ id: file.id, workspaceId });
      }
    };
    const housekeeper = async () => {
      while (!isOver) await tidy();
    };
    const housekeepers = [housekeeper(), housekeeper()];
    await Promise.all(Array.from({ length: 6 }, caller));
    isOver = true;
    await Promise.all(housekeepers);
    await tidy();

    const rows = await database.queries
      .selectFrom('artifacts')
      .select('location')
      .where('role', '=', 'file')
      .where(
        'sha256',
        'in',
        contents.map((content) => createHash('sha256').update(content).digest('hex')),
      )
      .where('deleted_at', 'is', null)
      .execute();
    const named = new Set(rows.map(({ location }) => location));
    expect([...named].filter((location) => !store.has(location))).toEqual([]);
    expect([...store].filter((location) => !named.has(location))).toEqual([]);
    expect(named.size).toBeLessThanOrEqual(contents.length);
    expect(rows.length).toBeGreaterThan(contents.length);
  }, 60_000);
});

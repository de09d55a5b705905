import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createDiskStore } from '../../artifacts/disk-store.js';
import { createS3Store } from '../../artifacts/s3-store.js';
import type { ArtifactStore } from '../../artifacts/store.js';
import { type S3Server, startS3Server } from './s3-server.js';

export const storeKinds = ['disk', 'S3'] as const;
export type StoreKind = (typeof storeKinds)[number];

/** A store of either kind, and what can be seen of it without its own means. */
export type TestStore = {
  store: ArtifactStore;
  /** The files that have a name, in order. */
  keys(): Promise<string[]>;
  /** What is under way, wherever that lies. */
  unfinished(): Promise<number>;
  /** Makes a file with a name look as if it had been written so long ago. */
  age(key: string, ageMs: number): Promise<void>;
  /** The same for all that is under way. */
  ageUnfinished(ageMs: number): Promise<void>;
  close(): Promise<void>;
};

export async function openTestStore(kind: StoreKind): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'reelay-store-'));
  const clean = () => rm(folder, { recursive: true, force: true });
  if (kind === 'disk') return diskStore(folder, clean);
  const server = await startS3Server();
  return s3Store({ server, folder, prefix: 'some/prefix/' }, async () => {
    await server.close();
    await clean();
  });
}

/** The store below one prefix of a server, with its temporary files in the folder. */
export function s3Store(
  { server, folder, prefix }: { server: S3Server; folder: string; prefix: string },
  close: () => Promise<void>,
): TestStore {
  const store = createS3Store({
    bucket: server.bucket,
    prefix,
    region: 'us-east-1',
    endpoint: server.url,
    forcePathStyle: true,
    credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
    scratchFolder: folder,
  });
  return {
    store,
    keys: async () => (await server.keys(prefix)).map((name) => name.slice(prefix.length)).sort(),
    unfinished: async () => (await readdir(folder)).length + server.unfinishedUploads(),
    age: async (key, ageMs) => server.age(`${prefix}${key}`, ageMs),
    ageUnfinished: (ageMs) => ageFiles(folder, ageMs),
    close,
  };
}

function diskStore(folder: string, close: () => Promise<void>): TestStore {
  const temporaryFolder = join(folder, 'tmp');
  return {
    store: createDiskStore(pathToFileURL(folder)),
    async keys() {
      const files = await readdir(folder, { recursive: true, withFileTypes: true });
      const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
      const keys = paths.map((path) => path.slice(folder.length + 1));
      return keys.filter((key) => !key.startsWith('tmp/')).sort();
    },
    unfinished: async () => (await readdir(temporaryFolder).catch(() => [])).length,
    age: (key, ageMs) => ageFile(join(folder, key), ageMs),
    ageUnfinished: (ageMs) => ageFiles(temporaryFolder, ageMs),
    close,
  };
}

async function ageFiles(folder: string, ageMs: number): Promise<void> {
  for (const name of await readdir(folder)) await ageFile(join(folder, name), ageMs);
}

async function ageFile(path: string, ageMs: number): Promise<void> {
  const at = new Date(Date.now() - ageMs);
  await utimes(path, at, at);
}

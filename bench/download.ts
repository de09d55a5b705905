import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createDiskStore } from '../artifacts/disk-store.js';
import { downloadTo } from '../artifacts/download.js';
import { createGuardedFetch } from '../artifacts/guarded-fetch.js';
import { newArtifactKey } from '../artifacts/store.js';
import { findProjectRoot } from '../runtime/root.js';
import { transferLimits } from '../worker/transfer-limits.js';
import { percentile, printFigures } from './support/report.js';

/** How fast a large film is stored, and in how much memory, beside the tools that anybody would use: fetched, hashed and safe on the disk. */
const ROUNDS = 3;
const LOOK_EVERY_MS = 20;
const DEADLINE_MS = 30 * 60_000;
const MEBIBYTE = 1024 * 1024;

const { values } = parseArgs({
  options: { gigabytes: { type: 'string', default: '2' }, folder: { type: 'string', default: tmpdir() } },
});
const filmBytes = Math.round(Number(values.gigabytes) * 1e9);
const folder = mkdtempSync(join(values.folder, 'reelay-download-'));
const films = fork(join(findProjectRoot(), 'dist', 'bench', 'film-server.js'), [String(filmBytes)]);
const [message] = await once(films, 'message');
const { port } = z.object({ port: z.number() }).parse(message);
const url = `http://127.0.0.1:${port}/film.mp4`;
const store = createDiskStore(pathToFileURL(folder));
const fetch = createGuardedFetch({ allowLoopbackPorts: [port] });

type Round = { seconds: number; grownBytes: number };
const ours: Round[] = [];
const theirs: number[] = [];
try {
  // In turns, as the disk's own mood changes.
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await download());
    theirs.push(fetchHashAndSync());
  }
} finally {
  await fetch.close();
  films.disconnect();
  rmSync(folder, { recursive: true, force: true });
}

const rate = (seconds: number) => `${(filmBytes / 1e6 / seconds).toFixed(0)} MB/s`;
const oursSeconds = percentile(
  ours.map(({ seconds }) => seconds),
  0.5,
);
const theirSeconds = percentile(theirs, 0.5);
const grown = Math.max(...ours.map(({ grownBytes }) => grownBytes)) / MEBIBYTE;
printFigures([
  {
    figure: `download of ${values.gigabytes} GB, median of ${ROUNDS}`,
    measured: rate(oursSeconds),
    limit: rate(theirSeconds),
    ratio: (theirSeconds / oursSeconds).toFixed(2),
    goal: '≥ 0.7',
  },
  {
    figure: 'most memory that it grew by',
    measured: `${grown.toFixed(0)} MiB`,
    limit: '–',
    ratio: '–',
    goal: '≤ 64 MiB',
  },
]);

async function download(): Promise<Round> {
  const key = newArtifactKey('mp4');
  const before = process.memoryUsage.rss();
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, LOOK_EVERY_MS);
  const startedAt = performance.now();
  const limits = { ...transferLimits(filmBytes), deadlineMs: DEADLINE_MS };
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const done = await downloadTo({
    source: { url, headers: {}, credentialOrigin: new URL(url).origin },
    fetch,
    store,
    key,
    limits,
    signal,
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  clearInterval(looking);
  if (done.outcome !== 'stored') throw new Error(done.detail);
  await store.remove(key);
  return { seconds, grownBytes: most - before };
}

function fetchHashAndSync(): number {
  const file = join(folder, 'theirs.mp4');
  const startedAt = performance.now();
  execFileSync('curl', ['--silent', '--fail', '--output', file, url]);
  execFileSync('sha256sum', [file]);
  execFileSync('sync', [file]);
  const seconds = (performance.now() - startedAt) / 1_000;
  rmSync(file);
  return seconds;
}

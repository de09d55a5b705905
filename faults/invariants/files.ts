import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Database } from '../../store/database.js';
import type { Violation } from './violation.js';

type Places = {
  database: Database;
  artifactsDir: string;
  clipsDir: string;
  /** What is younger may belong to a step under way. */
  graceMs: number;
};

/** Jobs of this suite have one. */
const FIRST_VARIANT = 0;

type Row = { location: string; job_id: string | null; role: string; bytes: number; sha256: string };

const rowsStatement = {
  name: 'kept_artifacts',
  text: 'select location, job_id, role, bytes, sha256 from artifacts where deleted_at is null',
};

/** Hashes every stored file again and holds it against its row and, for videos, against what the provider served. */
export async function checkFiles({ database, artifactsDir, clipsDir, graceMs }: Places): Promise<Violation[]> {
  const found: Violation[] = [];
  const blame = (what: string, jobId: string | null = null) => found.push({ invariant: 'I4', jobId, what });
  const rows = await database.run<Row>(rowsStatement, []);
  const served = await hashesIn(clipsDir);

  for (const { location, job_id: jobId, role, bytes, sha256 } of rows) {
    const path = join(artifactsDir, location);
    if (!existsSync(path)) {
      blame(`the row of ${location} has no file`, jobId);
      continue;
    }
    const hash = await hashOf(path);
    if (hash !== sha256 || statSync(path).size !== bytes) blame(`${location} is not what its row says`, jobId);
    if (role === 'video' && !served.has(hash)) blame(`${location} has bytes that no provider served`, jobId);
  }

  const owners = await ownersOf(database);
  const known = new Set(rows.map(({ location }) => location));
  for (const name of filesBelow(artifactsDir)) {
    if (known.has(name) || !isOlderThan(join(artifactsDir, name), graceMs)) continue;
    const owner = owners.get(basename(name, extname(name)));
    const whose = owner ? ` and is of attempt ${owner.attempt}, ${owner.state}` : '';
    blame(name.startsWith('tmp/') ? `${name} was left behind` : `${name} has no row${whose}`, owner?.jobId ?? null);
  }
  return found;
}

type Owner = { jobId: string; attempt: number; state: string };

const attemptsStatement = {
  name: 'all_attempts',
  text: 'select job_id as "jobId", number as attempt, state from attempts',
};

/** Whose file it is, by its name, which is made of the job, the attempt and the variant. */
async function ownersOf(database: Database): Promise<Map<string, Owner>> {
  const attempts = await database.run<Owner>(attemptsStatement, []);
  const nameOf = ({ jobId, attempt }: Owner) =>
    createHash('sha256').update(`${jobId}:${attempt}:${FIRST_VARIANT}`).digest('hex');
  return new Map(attempts.map((owner) => [nameOf(owner), owner]));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}

function isOlderThan(path: string, ageMs: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > ageMs;
}

async function hashesIn(folder: string): Promise<Set<string>> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.mp4'));
  return new Set(await Promise.all(names.map((name) => hashOf(join(folder, name)))));
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

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

type Row = { location: string; subject: string | null; is_served: boolean; bytes: number; sha256: string };

/** What we have joined ourselves, in a step or to an extension's source, was served by nobody. */
const rowsStatement = {
  name: 'kept_artifacts',
  text: `select location, coalesce(job_id, artifacts.pipeline_id) as subject, bytes, sha256,
      role = 'video' and job_id is not null and not (jobs.operation = 'extend' and jobs.extension is not distinct from 'bridged') as is_served
    from artifacts left join jobs on jobs.id = artifacts.job_id where artifacts.deleted_at is null`,
};

/** Hashes every stored file again and holds it against its row and, for videos, against what the provider served. */
export async function checkFiles({ database, artifactsDir, clipsDir, graceMs }: Places): Promise<Violation[]> {
  const found: Violation[] = [];
  const blame = (what: string, subject: string | null = null) => found.push({ invariant: 'I4', subject, what });
  const rows = await database.run<Row>(rowsStatement, []);
  const served = await hashesIn(clipsDir);

  for (const { location, subject, is_served: isServed, bytes, sha256 } of rows) {
    const path = join(artifactsDir, location);
    if (!existsSync(path)) {
      blame(`the row of ${location} has no file`, subject);
      continue;
    }
    const hash = await hashOf(path);
    if (hash !== sha256 || statSync(path).size !== bytes) blame(`${location} is not what its row says`, subject);
    if (isServed && !served.has(hash)) blame(`${location} has bytes that no provider served`, subject);
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

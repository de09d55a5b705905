import { createHash } from 'node:crypto';
import { z } from 'zod';
import { times } from '../../bench/support/load.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import type { JobFacts } from './facts.js';
import type { Violation } from './violation.js';

const AT_ONCE = 4;
const SERVED_WITHIN_MS = 30_000;
/** Of another workspace, whose key is not here. */
const FOREIGN = 404;

const jobSchema = z.object({ data: z.array(z.object({ url: z.url() })) });

/** Fetches what callers are given of jobs that succeeded, as they would, and holds it against the rows. */
export async function checkServed({ caller }: Pick<World, 'caller'>, jobs: readonly JobFacts[]): Promise<Violation[]> {
  const found: Violation[] = [];
  const succeeded = jobs.filter(({ state }) => state === 'succeeded');
  await times(succeeded.length, AT_ONCE, async (index) => {
    const facts = succeeded[index];
    if (!facts) return;
    const hashes = await eventually(() => hashesOf(caller, facts.id), { withinMs: SERVED_WITHIN_MS });
    if (hashes === 'foreign') return;
    const stored = facts.videos.map(({ sha256 }) => sha256);
    if (hashes?.join() !== stored.join())
      found.push({ invariant: 'I4', jobId: facts.id, what: `its caller is given ${hashes?.join(', ') ?? 'nothing'}` });
  });
  return found;
}

async function hashesOf({ send }: World['caller'], id: string): Promise<string[] | 'foreign' | undefined> {
  const response = await send('GET', `/api/v1/videos/jobs/${id}`);
  if (response.status === FOREIGN) return 'foreign';
  if (!response.ok) return undefined;
  const { data } = jobSchema.parse(await response.json());
  return Promise.all(
    data.map(async ({ url }) => {
      const content = await fetch(url);
      if (!content.ok) throw new Error(`a file was not served: ${content.status}`);
      return createHash('sha256')
        .update(Buffer.from(await content.arrayBuffer()))
        .digest('hex');
    }),
  );
}

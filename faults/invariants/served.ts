import { createHash } from 'node:crypto';
import { z } from 'zod';
import { times } from '../../bench/support/load.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import type { JobFacts } from './facts.js';
import type { PipelineFacts } from './pipeline-facts.js';
import type { Violation } from './violation.js';

const AT_ONCE = 4;
const SERVED_WITHIN_MS = 60_000;
/** Of another workspace, whose key is not here. */
const FOREIGN = 404;

const filesSchema = z.array(z.object({ url: z.url() }));
const jobSchema = z.object({ data: filesSchema });
const pipelineSchema = z.object({
  steps: z.array(z.object({ name: z.string(), kind: z.string(), data: filesSchema })),
});

type Reached = Pick<World, 'caller'>;

/** Fetches what callers are given of jobs that succeeded, as they would, and holds it against the rows. */
export async function checkServed(world: Reached, jobs: readonly JobFacts[]): Promise<Violation[]> {
  const found: Violation[] = [];
  const succeeded = jobs.filter(({ state }) => state === 'succeeded');
  await times(succeeded.length, AT_ONCE, async (index) => {
    const facts = succeeded[index];
    if (!facts) return;
    const read = (body: unknown) => hashesOf(jobSchema.parse(body).data);
    const hashes = await given(world, { path: `/api/v1/videos/jobs/${facts.id}`, read });
    if (hashes === 'foreign') return;
    const stored = facts.videos.map(({ sha256 }) => sha256);
    if (hashes?.join() !== stored.join())
      found.push({
        invariant: 'I4',
        subject: facts.id,
        what: `its caller is given ${hashes?.join(', ') ?? 'nothing'}`,
      });
  });
  return found;
}

/** The same of the steps of pipelines, but for those that only show what another has made. */
export async function checkServedSteps(world: Reached, pipelines: readonly PipelineFacts[]): Promise<Violation[]> {
  const found: Violation[] = [];
  await times(pipelines.length, AT_ONCE, async (index) => {
    const facts = pipelines[index];
    if (!facts) return;
    const read = async (body: unknown) => {
      const made = pipelineSchema.parse(body).steps.filter(({ kind }) => kind !== 'approval');
      return Promise.all(made.map(async ({ name, data }) => `${name}: ${(await hashesOf(data)).join(', ')}`));
    };
    const hashes = await given(world, { path: `/api/v1/videos/pipelines/${facts.id}`, read });
    if (hashes === 'foreign') return;
    const stored = facts.steps
      .filter(({ kind }) => kind !== 'approval')
      .map((step) => `${step.name}: ${madeBy(step, facts)}`);
    const wrong = stored.filter((each, at) => each !== hashes?.[at]);
    if (wrong.length > 0)
      found.push({ invariant: 'I4', subject: facts.id, what: `its caller is not given ${wrong.join('; ')}` });
  });
  return found;
}

function madeBy(
  { job_id: jobId, artifact_id: artifactId }: PipelineFacts['steps'][number],
  facts: PipelineFacts,
): string {
  const videos = facts.jobs.find(({ id, state }) => id === jobId && state === 'succeeded')?.videos ?? [];
  const files = facts.files.filter(({ id }) => id === artifactId);
  return [...videos, ...files].map(({ sha256 }) => sha256).join(', ');
}

type Wanted = { path: string; read: (body: unknown) => Promise<string[]> };

/** The hashes of what the caller gets at a path; undefined when it does not get it in time. */
function given({ caller }: Reached, { path, read }: Wanted): Promise<string[] | 'foreign' | undefined> {
  return eventually(
    async () => {
      const response = await caller.send('GET', path);
      if (response.status === FOREIGN) return 'foreign';
      return response.ok ? read(await response.json()) : undefined;
    },
    { withinMs: SERVED_WITHIN_MS },
  );
}

function hashesOf(files: z.infer<typeof filesSchema>): Promise<string[]> {
  return Promise.all(
    files.map(async ({ url }) => {
      const content = await fetch(url);
      if (!content.ok) throw new Error(`a file was not served: ${content.status}`);
      return createHash('sha256')
        .update(Buffer.from(await content.arrayBuffer()))
        .digest('hex');
    }),
  );
}

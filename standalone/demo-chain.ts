import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { readAnswer, save } from './demo-caller.js';

const LOOK_EVERY_MS = 200;
const MS_PER_SECOND = 1_000;

const lostPrompt = 'The gateway hands one request to the next provider without dropping it.';

/** A shot, extended twice, made anew in another style, and cut together. */
const chain = {
  steps: [
    {
      name: 'shot',
      kind: 'text_to_video',
      model: 'sora',
      prompt: 'An API gateway on a clean white desk comes to life.',
      seconds: 4,
      size: '1280x720',
      wait_seconds: 1,
      poll_interval_seconds: 1,
    },
    {
      name: 'longer',
      kind: 'extend',
      source: 'shot',
      model: 'sora',
      prompt: 'The camera circles the gateway.',
      seconds: 4,
      wait_seconds: 1,
      poll_interval_seconds: 1,
    },
    {
      name: 'longest',
      kind: 'extend',
      source: 'longer',
      model: 'sora',
      prompt: lostPrompt,
      seconds: 4,
      wait_seconds: 1,
      poll_interval_seconds: 1,
    },
    {
      name: 'sketch',
      kind: 'remix',
      source: 'longest',
      model: 'sora',
      prompt: 'The same, drawn with a pencil.',
      wait_seconds: 1,
      poll_interval_seconds: 1,
    },
    { name: 'film', kind: 'concat', sources: ['longest', 'sketch'] },
  ],
};

/** The provider that made the source loses the task of the second extension as often as it is tried there. */
const misfortune = {
  account: 'omixa',
  call: 'submit',
  fault: 'fail_after_accept',
  promptIncludes: lostPrompt,
  times: 2,
};

const stepSchema = z.object({
  name: z.string(),
  kind: z.string(),
  status: z.string(),
  source: z.string().optional(),
  sources: z.array(z.string()).optional(),
  job: z.object({ provider: z.string(), extension: z.string().nullable() }).nullable(),
  cost: z.object({ currency: z.string(), captured: z.string() }),
  data: z.array(z.object({ url: z.string().nullable(), duration_seconds: z.number().nullable() })),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  started_at: z.coerce.date().nullable(),
  finished_at: z.coerce.date().nullable(),
});
const pipelineSchema = z.object({
  id: z.string(),
  status: z.string(),
  steps: z.array(stepSchema),
  cost: z.object({ currency: z.string(), captured: z.string() }),
  links: z.object({ self: z.string(), temporal: z.string().optional() }),
});
type DemoStep = z.infer<typeof stepSchema>;
type DemoPipeline = z.infer<typeof pipelineSchema>;

type Settings = { apiUrl: string; apiKey: string; sandboxUrl: string };
export type ChainDemo = ReturnType<typeof createChainDemo>;

/** The chain as a caller runs it: one request, and a look now and then. */
export function createChainDemo({ apiUrl, apiKey, sandboxUrl }: Settings) {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };

  return {
    /** Also has the sandbox lose a task, where the providers are the sandbox. */
    async begin(): Promise<DemoPipeline> {
      if (sandboxUrl) await post(new URL('/_sandbox/scripts', sandboxUrl), misfortune);
      const answer = await post(new URL('/api/v1/videos/pipelines', apiUrl), chain, {
        ...headers,
        'idempotency-key': randomUUID(),
      });
      return pipelineSchema.parse(await readAnswer(answer));
    },

    /** The pipeline a moment later. An api that is just being started again is waited for. */
    async next({ links }: DemoPipeline): Promise<DemoPipeline> {
      for (;;) {
        await pause(LOOK_EVERY_MS);
        const response = await fetch(links.self, { headers }).catch(() => undefined);
        if (response && response.status < 500) return pipelineSchema.parse(await readAnswer(response));
        await response?.body?.cancel();
      }
    },

    async saveFilm(pipeline: DemoPipeline, file: string): Promise<void> {
      const url = filmOf(pipeline)?.data[0]?.url;
      if (!url) throw new Error('the film has no file');
      await save(new URL(url), { file });
    },
  };
}

async function post(url: URL, body: object, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** One line per step, each below the last of what it is made of. */
export function treeOf({ steps }: DemoPipeline): string[] {
  const depths = new Map<string, number>();
  return steps.map((step) => {
    const source = step.sources?.at(-1) ?? step.source;
    const depth = source === undefined ? 0 : (depths.get(source) ?? 0) + 1;
    depths.set(step.name, depth);
    const branch = `${'   '.repeat(Math.max(depth - 1, 0))}${depth > 0 ? '└─ ' : ''}${step.name}`;
    return `${branch.padEnd(24)}${step.kind.padEnd(16)}${madeBy(step).padEnd(20)}${lengthOf(step).padStart(9)}${timeOf(step).padStart(10)}  ${step.cost.captured} ${step.cost.currency}`;
  });
}

function madeBy({ job, status }: DemoStep): string {
  if (status !== 'succeeded') return status;
  if (!job) return '-';
  return job.extension === null ? job.provider : `${job.provider}, ${job.extension}`;
}

/** Of the file, as it was measured. */
function lengthOf({ data: [video] }: DemoStep): string {
  return video?.duration_seconds ? `${video.duration_seconds.toFixed(2)} s` : '';
}

function timeOf({ started_at: from, finished_at: to }: DemoStep): string {
  return from && to ? `in ${((to.getTime() - from.getTime()) / MS_PER_SECOND).toFixed(1)} s` : '';
}

/** The last step. */
export function filmOf({ steps }: DemoPipeline): DemoStep | undefined {
  return steps.at(-1);
}

/** In one line: how many steps are done, and what the others are about. */
export function standingOf({ status, steps }: DemoPipeline): string {
  const done = steps.filter((step) => step.status === 'succeeded').length;
  const atWork = steps.flatMap(({ name, status: state, job }) =>
    state === 'running' ? [job ? `${name} at ${job.provider}` : name] : [],
  );
  return [status, `${done} of ${steps.length} steps`, ...atWork].join(' · ');
}

/** How long the film must be: what it is made of, one after the other. */
export function expectedSeconds(pipeline: DemoPipeline): number {
  const sources = filmOf(pipeline)?.sources ?? [];
  const lengths = pipeline.steps.flatMap(({ name, data: [video] }) =>
    sources.includes(name) ? [video?.duration_seconds ?? 0] : [],
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

import { z } from 'zod';
import { isEnded } from './caller.js';
import { untilSeen, untilTaken } from './careful.js';
import type { AcceptedPipeline } from './cell.js';
import type { World } from './world.js';

const PATH = '/api/v1/videos/pipelines';

const pipelineSchema = z.object({
  id: z.string(),
  status: z.string(),
  run: z.number(),
  error: z.object({ step: z.string(), code: z.string() }).nullable(),
  steps: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      job: z.object({ id: z.string(), status: z.string(), phase: z.string().nullable() }).nullable(),
    }),
  ),
});
export type PipelineView = z.infer<typeof pipelineSchema>;

export type WantedPipeline = { idempotencyKey: string; steps: object[] };

/** The same careful caller, with pipelines. Each of them has an address of its own to tell its ends to. */
export function createPipelineCaller({ caller, sink }: Pick<World, 'caller' | 'sink'>) {
  const { send } = caller;
  const parse = (body: unknown) => pipelineSchema.parse(body);
  const seen = (id: string, wanted: { as: (pipeline: PipelineView) => boolean; withinMs: number }) =>
    untilSeen(() => send('GET', `${PATH}/${id}`), { ...wanted, parse });
  const steer = async (id: string, { verb, body = {} }: { verb: string; body?: object }) => {
    const response = await send('POST', `${PATH}/${id}/${verb}`, { body: JSON.stringify(body) });
    return response.status === 202;
  };

  return {
    async create({ idempotencyKey, steps }: WantedPipeline): Promise<AcceptedPipeline> {
      const init = {
        headers: { 'idempotency-key': idempotencyKey },
        body: JSON.stringify({ steps, callback_url: sink.urlOf(idempotencyKey) }),
      };
      const { id } = parse(await untilTaken(() => send('POST', PATH, init)));
      return { id, idempotencyKey };
    },

    seen,

    /** The pipeline as its run ended; undefined when it did not in time. */
    ended: (id: string, withinMs: number) => seen(id, { withinMs, as: isEnded }),

    /** Whether the wish was taken. */
    approve: (id: string, step: string) => steer(id, { verb: 'approve', body: { step } }),
    cancel: (id: string) => steer(id, { verb: 'cancel' }),
    retry: (id: string) => steer(id, { verb: 'retry' }),
  };
}

export type PipelineCaller = ReturnType<typeof createPipelineCaller>;

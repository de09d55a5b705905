import { z } from 'zod';

/** What callers may know of what happened. The rest of what is kept with an event is for operators. */
export const jobEventDataSchema = z.object({
  attempt: z.int().optional().catch(undefined),
  provider: z.string().optional().catch(undefined),
  progress: z.number().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  variant: z.int().optional().catch(undefined),
  bytes: z.int().optional().catch(undefined),
  sha256: z.string().optional().catch(undefined),
});
export type JobEventData = z.infer<typeof jobEventDataSchema>;

export const pipelineEventDataSchema = z.object({
  step: z.string().optional().catch(undefined),
  job: z.string().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  run: z.int().optional().catch(undefined),
  steps: z.array(z.string()).optional().catch(undefined),
});
export type PipelineEventData = z.infer<typeof pipelineEventDataSchema>;

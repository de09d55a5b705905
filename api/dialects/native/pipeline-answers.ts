import type { z } from 'zod';
import { formatUsd } from '../../../contract/money.js';
import type { Pipeline, PipelineEvent, PipelineQuote, Step } from '../../pipelines.js';
import { videoAnswer } from './answers.js';
import type { pipelineEventSchema, pipelineQuoteSchema, pipelineSchema } from './pipeline-answer-schemas.js';

type PipelineAnswer = z.infer<typeof pipelineSchema>;
type EventAnswer = z.infer<typeof pipelineEventSchema>;
type Settings = { publicUrl: string; temporalLink?: string };

export function pipelineAnswer(pipeline: Pipeline, settings: Settings): PipelineAnswer {
  const steps = pipeline.steps.map((step) => stepAnswer(step, settings));
  return { ...pipelineSummaryAnswer(pipeline, settings), steps };
}

export function pipelineSummaryAnswer(
  pipeline: Pipeline,
  { publicUrl, temporalLink }: Settings,
): Omit<PipelineAnswer, 'steps'> {
  const self = `${publicUrl}/api/v1/videos/pipelines/${pipeline.id}`;
  return {
    id: pipeline.id,
    status: pipeline.state,
    run: pipeline.run,
    max_parallel: pipeline.maxParallel,
    on_failure: pipeline.onFailure,
    callback_url: pipeline.callbackUrl,
    metadata: pipeline.metadata,
    cancel_requested: pipeline.isCancelRequested,
    cost: {
      currency: 'USD',
      quoted: formatUsd(pipeline.quotedMicros),
      reserved: formatUsd(pipeline.reservedMicros),
      held: formatUsd(pipeline.heldMicros),
      captured: formatUsd(pipeline.capturedMicros),
    },
    error: pipeline.error,
    created_at: pipeline.createdAt,
    started_at: pipeline.startedAt,
    finished_at: pipeline.finishedAt,
    links: { self, events: `${self}/events`, ...(temporalLink !== undefined && { temporal: temporalLink }) },
  };
}

function stepAnswer(step: Step, { publicUrl }: Settings): PipelineAnswer['steps'][number] {
  const { definition, job } = step;
  const { source, sources, after, at, message, deadlineSeconds, request } = definition;
  return {
    name: step.name,
    kind: step.kind,
    status: step.state,
    source,
    sources,
    after,
    at: typeof at === 'object' ? at.seconds : at,
    message,
    deadline_seconds: deadlineSeconds,
    model: request?.model,
    prompt: request?.prompt,
    duration_seconds: request?.durationSeconds,
    run: step.run,
    job: job && {
      id: job.id,
      status: job.state,
      phase: job.phase,
      progress: job.progress,
      provider: job.provider,
      extension: job.extension,
    },
    cost: { currency: 'USD', quoted: formatUsd(step.quotedMicros), captured: formatUsd(step.capturedMicros) },
    data: step.files.map(videoAnswer),
    deadline_at: step.deadlineAt,
    decision: step.decision && {
      decision: step.decision.decision,
      note: step.decision.note,
      decided_at: step.decision.decidedAt,
    },
    error: step.error,
    started_at: step.startedAt,
    finished_at: step.finishedAt,
    links: { job: job && `${publicUrl}/api/v1/videos/jobs/${job.id}` },
  };
}

export function pipelineQuoteAnswer({ holdMicros, steps }: PipelineQuote): z.infer<typeof pipelineQuoteSchema> {
  return {
    currency: 'USD',
    reserve: formatUsd(holdMicros),
    steps: steps.map(({ name, kind, holdMicros: hold, providers }) => ({
      name,
      kind,
      hold: formatUsd(hold),
      providers,
    })),
  };
}

/** `pipeline`: as it has ended with the event, where it has. */
export function pipelineEventAnswer(event: PipelineEvent, pipeline?: PipelineAnswer): EventAnswer {
  const { subjectId, sequence, type, createdAt, data } = event;
  return { pipeline_id: subjectId, sequence, type, created_at: createdAt, data, ...(pipeline && { pipeline }) };
}

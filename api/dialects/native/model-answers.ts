import type { z } from 'zod';
import { formatUsd } from '../../../contract/money.js';
import type { ModelLife, PublicModel, Quote } from '../../jobs.js';
import type { modelSchema, quoteSchema } from './model-schemas.js';

type ModelAnswer = z.infer<typeof modelSchema>;
type Route = PublicModel['routes'][number];

/** A model with what its routes can do between them. Not every route can do all of it: `no_route` says when none can. */
export function modelAnswer(
  model: PublicModel,
  { status, deprecatedAt, sunsetAt, replacement }: ModelLife,
): ModelAnswer {
  const abilities = model.routes.map((route) => route.abilities);
  const shapes = abilities.flatMap(({ geometry }) => geometry.shapes);
  const anyHas = (has: (of: Route['abilities']) => boolean) => abilities.some(has);
  return {
    object: 'model',
    id: model.name,
    description: model.description,
    lifecycle: { status, deprecated_at: deprecatedAt, sunset_at: sunsetAt, replacement },
    operations: unique(abilities.flatMap(({ operations }) => operations)),
    options: {
      duration_seconds: abilities.map(({ duration }) => secondsAnswer(duration)).filter(isFirstOfItsKind),
      default_seconds: model.defaultSeconds,
      sizes: unique(shapes.map(({ width, height }) => `${width}x${height}`)),
      aspect_ratios: unique(shapes.map(({ aspectRatio }) => aspectRatio)),
      max_variants: Math.max(...abilities.map(({ maxVariants }) => maxVariants)),
      prompt_max_characters: Math.max(...abilities.map(({ promptMaxCharacters }) => promptMaxCharacters)),
      negative_prompt: anyHas(({ options }) => options.negativePrompt),
      seed: anyHas(({ options }) => options.seed),
      generate_audio: anyHas(({ options }) => options.generateAudio),
      enhance_prompt: anyHas(({ options }) => options.enhancePrompt),
      person_generation: anyHas(({ options }) => options.personGeneration),
      start_frame: anyHas(({ inputs }) => inputs.firstFrame),
      last_frame: anyHas(({ inputs }) => inputs.lastFrame),
      max_reference_images: Math.max(...abilities.map(({ inputs }) => inputs.maxReferences)),
    },
    price: {
      currency: 'USD',
      per_second: formatUsd(model.priceMicrosPerSecond),
      minimum_hold: formatUsd(model.minimumHoldMicros),
    },
    providers: model.routes.map((route) => ({
      provider: route.account,
      official: route.official,
      operations: route.abilities.operations,
      duration_seconds: secondsAnswer(route.abilities.duration),
      sizes: route.abilities.geometry.shapes.map(({ width, height }) => `${width}x${height}`),
      lifecycle: {
        status: route.lifecycle.status,
        deprecated_at: route.lifecycle.deprecatedAt ?? null,
        sunset_at: route.lifecycle.sunsetAt ?? null,
      },
    })),
  };
}

export function quoteAnswer(quote: Quote): z.infer<typeof quoteSchema> {
  return {
    object: 'quote',
    model: quote.model,
    video_operation: quote.operation,
    duration_seconds: quote.durationSeconds,
    sample_count: quote.variants,
    size: quote.size && `${quote.size.width}x${quote.size.height}`,
    providers: quote.providers,
    cost: {
      currency: 'USD',
      held: formatUsd(quote.holdMicros),
      per_second: formatUsd(quote.priceMicrosPerSecond),
      minimum_hold: formatUsd(quote.minimumHoldMicros),
    },
  };
}

/** `{"values": [4, 8, 12]}`, or `{"min": 1, "max": 30}`. */
function secondsAnswer(duration: Route['abilities']['duration']): ModelAnswer['providers'][number]['duration_seconds'] {
  return duration.kind === 'set' ? { values: duration.values } : { min: duration.min, max: duration.max };
}

function unique<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}

function isFirstOfItsKind<Value>(value: Value, index: number, all: readonly Value[]): boolean {
  return all.findIndex((other) => JSON.stringify(other) === JSON.stringify(value)) === index;
}

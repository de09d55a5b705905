import { z } from 'zod';
import { aspectRatios, operations } from '../../../contract/generation.js';
import { countSchema, currencySchema, instantSchema, nameSchema, textSchema, usdSchema } from './answer-schemas.js';

const MAX_LISTED = 100;

const secondsSchema = z
  .union([
    z.object({ values: z.array(z.number()).max(MAX_LISTED).readonly() }),
    z.object({ min: z.number(), max: z.number() }),
  ])
  .meta({ description: 'The seconds that are taken: these, or all within these', example: { values: [4, 8, 12] } });
const operationsSchema = z.array(z.enum(operations)).max(operations.length).readonly();
const sizesSchema = z.array(nameSchema.meta({ example: '1280x720' })).max(MAX_LISTED);
const lifecycleSchema = z.object({
  status: z.enum(['active', 'deprecated', 'retired']),
  deprecated_at: instantSchema.nullable(),
  sunset_at: instantSchema.nullable(),
});

export const modelSchema = z
  .object({
    object: z.literal('model'),
    id: nameSchema.meta({ example: 'sora' }),
    description: textSchema,
    lifecycle: lifecycleSchema.extend({
      replacement: nameSchema.nullable().meta({ description: 'The model that comes after it' }),
    }),
    operations: operationsSchema,
    options: z
      .object({
        duration_seconds: z.array(secondsSchema).max(MAX_LISTED),
        default_seconds: z.number(),
        sizes: sizesSchema,
        aspect_ratios: z.array(z.enum(aspectRatios)).max(aspectRatios.length),
        max_variants: countSchema,
        prompt_max_characters: countSchema,
        negative_prompt: z.boolean(),
        seed: z.boolean(),
        generate_audio: z.boolean(),
        enhance_prompt: z.boolean(),
        person_generation: z.boolean(),
        start_frame: z.boolean(),
        last_frame: z.boolean(),
        max_reference_images: countSchema,
      })
      .meta({ description: 'What its providers can do between them; not every one can do all of it' }),
    price: z.object({ currency: currencySchema, per_second: usdSchema, minimum_hold: usdSchema }),
    providers: z
      .array(
        z.object({
          provider: nameSchema,
          official: z.boolean().meta({ description: 'Whether it offers the model of its maker' }),
          operations: operationsSchema,
          duration_seconds: secondsSchema,
          sizes: sizesSchema,
          lifecycle: z.object({
            status: lifecycleSchema.shape.status,
            deprecated_at: z.string().max(40).nullable().meta({ format: 'date-time' }),
            sunset_at: z.string().max(40).nullable().meta({ format: 'date-time' }),
          }),
        }),
      )
      .max(MAX_LISTED),
  })
  .meta({ id: 'Model' });

export const modelListSchema = z
  .object({ object: z.literal('list'), data: z.array(modelSchema).max(1_000) })
  .meta({ id: 'ModelList' });

export const quoteSchema = z
  .object({
    object: z.literal('quote'),
    model: nameSchema.meta({ example: 'sora' }),
    video_operation: z.enum(operations),
    duration_seconds: z.number(),
    sample_count: countSchema,
    size: nameSchema.nullable().meta({ description: 'Pixels, where they were asked for', example: '1280x720' }),
    providers: z.array(nameSchema).max(MAX_LISTED).meta({ description: 'In the order in which they would be asked' }),
    cost: z.object({ currency: currencySchema, held: usdSchema, per_second: usdSchema, minimum_hold: usdSchema }),
  })
  .meta({ id: 'Quote' });

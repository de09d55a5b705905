import { z } from 'zod';
import type { ModelAbilities, Shape } from '../../contract/abilities.js';
import { type AdapterSettings, narrowPolling, pathSetting, pollingSettings } from '../adapter.js';

const portrait = { width: 720, height: 1280, aspectRatio: '9:16' } as const;
const landscape = { width: 1280, height: 720, aspectRatio: '16:9' } as const;
const smallShapes = [portrait, landscape];
const allShapes: readonly Shape[] = [
  ...smallShapes,
  { width: 1024, height: 1792, aspectRatio: '4:7' },
  { width: 1792, height: 1024, aspectRatio: '7:4' },
];

/** The models of the shape's maker. All that tells them apart is what they draw. */
const shapesOfModels: Record<string, readonly Shape[]> = {
  'sora-2': smallShapes,
  'sora-2-2025-10-06': smallShapes,
  'sora-2-2025-12-08': smallShapes,
  'sora-2-pro': allShapes,
  'sora-2-pro-2025-10-06': allShapes,
};

const listOf = <Item extends z.ZodType<unknown, string>>(item: Item) =>
  z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(item).min(1));

const secondsList = listOf(
  z
    .string()
    .regex(/^[1-9]\d?$/)
    .transform(Number),
);
const yesOrNo = z.enum(['true', 'false']).default('true');

/** What those who copy the shape do differently. */
const settingsSchema = z.strictObject({
  /** Below the base address, which ends in `/v1` at the shape's maker. */
  videosPath: pathSetting.default('/videos'),
  keyHeader: z.enum(['authorization', 'api-key']).default('authorization'),
  /** Further names of `sora-2`: resellers and deployments rename it. */
  models: listOf(z.string().min(1)).optional(),
  seconds: secondsList.prefault('4,8,12'),
  /** What an extension may add. */
  extendSeconds: secondsList.prefault('4,8,12,16,20'),
  /** Of the sizes that a model has, those that are offered. */
  sizes: listOf(
    z.string().refine((size) => allShapes.some((shape) => sizeWord(shape) === size), 'no such size'),
  ).optional(),
  extend: yesOrNo,
  remix: yesOrNo,
  /**
   * Whether `GET /videos` tells every task of the account with its prompt as it was sent. A copy that has no list, an empty one, or one
   * with other prompts than were sent must say `false`: what its list does not show would be bought again.
   */
  list: yesOrNo,
  /** The shape writes seconds as a string. */
  secondsType: z.enum(['string', 'integer']).default('string'),
  /** With `url` the provider fetches images itself. */
  imageForm: z.enum(['data_url', 'url']).default('data_url'),
  ...pollingSettings,
});
export type OpenaiVideosSettings = z.infer<typeof settingsSchema>;

export function readOpenaiVideosSettings(settings: AdapterSettings): OpenaiVideosSettings {
  return settingsSchema.parse(settings);
}

export function sizeWord({ width, height }: { width: number; height: number }): string {
  return `${width}x${height}`;
}

export function openaiVideosAbilities(upstreamModel: string, settings: AdapterSettings): ModelAbilities | undefined {
  const narrowed = readOpenaiVideosSettings(settings);
  const known = shapesOfModels[upstreamModel] ?? (narrowed.models?.includes(upstreamModel) ? smallShapes : undefined);
  if (!known) return undefined;
  const shapes = known.filter((shape) => narrowed.sizes?.includes(sizeWord(shape)) ?? true);
  const [first] = shapes;
  // A model to which the setting leaves no size cannot be asked for anything.
  if (!first) return undefined;

  return {
    operations: [
      'text_to_video',
      'image_to_video',
      ...(narrowed.extend === 'true' ? (['extend'] as const) : []),
      ...(narrowed.remix === 'true' ? (['remix'] as const) : []),
    ],
    duration: { kind: 'set', values: narrowed.seconds },
    extendDuration: { kind: 'set', values: narrowed.extendSeconds },
    // The first of the list is what the page draws when nothing is asked for.
    geometry: { promised: 'pixels', shapes, default: first },
    promptMaxCharacters: 32_000,
    maxVariants: 1,
    // There is always sound, and nothing else to choose.
    options: {
      negativePrompt: false,
      seed: false,
      generateAudio: false,
      enhancePrompt: false,
      personGeneration: false,
    },
    inputs: {
      firstFrame: true,
      lastFrame: false,
      maxReferences: 0,
      maxBytes: 20 * 1024 * 1024,
      contentTypes: ['image/jpeg', 'image/png', 'image/webp'],
      form: narrowed.imageForm === 'url' ? 'url' : 'bytes',
      framePixels: 'exact',
    },
    // The page: a clip takes one to five minutes; ask every 10 to 20 s.
    polling: narrowPolling({ firstLookMs: 20_000, intervalMs: 10_000 }, narrowed),
    canCancel: false,
    canReconcile: narrowed.list === 'true',
    // Its webhooks come to one address, and tell nothing of whose task it is.
    callsBack: false,
    resultLifetimeSeconds: 60 * 60,
  };
}

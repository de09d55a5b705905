import { z } from 'zod';
import type { ModelAbilities } from '../../contract/abilities.js';
import { type AdapterSettings, narrowPolling, pollingSettings } from '../adapter.js';

const MIN_SECONDS = 1;
const MAX_SECONDS = 30;

const secondsList = z
  .string()
  .transform((text) => text.split(',').map(Number))
  .pipe(z.array(z.number().min(MIN_SECONDS).max(MAX_SECONDS)).min(1));

/** What the vendor's page leaves open. */
const settingsSchema = z.strictObject({
  /** The page names the path of the status call and nothing more. */
  statusMethod: z.enum(['GET', 'POST']).default('GET'),
  statusParameter: z
    .string()
    .regex(/^[A-Za-z_]+$/)
    .default('operation'),
  /** The gateway checks "provider-safe ranges" that it does not publish: `4,8,12` for a route to Sora 2. */
  secondsAllowed: secondsList.optional(),
  ...pollingSettings,
});
export type OmixaSettings = z.infer<typeof settingsSchema>;

export function readOmixaSettings(settings: AdapterSettings): OmixaSettings {
  return settingsSchema.parse(settings);
}

const landscape = { width: 1280, height: 720, aspectRatio: '16:9' } as const;

const models: Record<string, ModelAbilities> = {
  sora: {
    operations: ['text_to_video', 'image_to_video', 'extend', 'remix'],
    // Of an extension, the seconds to add: the page gives the field no other limits there.
    duration: { kind: 'range', min: MIN_SECONDS, max: MAX_SECONDS },
    geometry: {
      promised: 'pixels',
      shapes: [
        landscape,
        { width: 720, height: 1280, aspectRatio: '9:16' },
        { width: 1920, height: 1080, aspectRatio: '16:9' },
      ],
      default: landscape,
    },
    promptMaxCharacters: 32_000,
    // The gateway drops a larger number without a word.
    maxVariants: 1,
    // The page calls the other two "Veo-style" and asks that only what the model knows be sent.
    options: { negativePrompt: false, seed: true, generateAudio: true, enhancePrompt: true, personGeneration: false },
    inputs: {
      firstFrame: true,
      lastFrame: true,
      maxReferences: 1,
      maxBytes: 20 * 1024 * 1024,
      contentTypes: ['image/png', 'image/jpeg', 'image/webp'],
      form: 'bytes',
      framePixels: 'any',
    },
    polling: { firstLookMs: 5_000, intervalMs: 5_000 },
    canCancel: false,
    canReconcile: false,
    callsBack: false,
  },
};

export function omixaAbilities(upstreamModel: string, settings: AdapterSettings): ModelAbilities | undefined {
  const narrowed = readOmixaSettings(settings);
  const model = models[upstreamModel];
  if (!model) return undefined;
  return {
    ...model,
    duration: narrowed.secondsAllowed ? { kind: 'set', values: narrowed.secondsAllowed } : model.duration,
    polling: narrowPolling(model.polling, narrowed),
  };
}

import { z } from 'zod';
import type { ModelAbilities } from '../../contract/abilities.js';
import { type AdapterSettings, callbackSetting, narrowPolling, pathSetting, pollingSettings } from '../adapter.js';

/** What the vendor's page leaves open. */
const settingsSchema = z.strictObject({
  /** Where a task is asked for, followed by its id. The page has two such calls; only this one takes the ids that a submit gives. */
  statusPath: pathSetting.default('/v2/requests/status'),
  /** The page limits an image's pixels and not its bytes. */
  maxImageBytes: z.coerce
    .number()
    .int()
    .positive()
    .default(10 * 1024 * 1024),
  ...callbackSetting,
  ...pollingSettings,
});
export type PixazoSettings = z.infer<typeof settingsSchema>;

export function readPixazoSettings(settings: AdapterSettings): PixazoSettings {
  return settingsSchema.parse(settings);
}

/**
 * The page gives no default shape. Portrait is that of the API which this gateway resells, and of the other sellers of this model,
 * so a job without a size looks the same wherever it is made.
 */
export const defaultShape = { width: 720, height: 1280, aspectRatio: '9:16' } as const;

const models: Record<string, ModelAbilities> = {
  'sora-2-pro': {
    operations: ['text_to_video', 'image_to_video'],
    duration: { kind: 'set', values: [4, 8, 12] },
    geometry: {
      promised: 'pixels',
      shapes: [
        { width: 1280, height: 720, aspectRatio: '16:9' },
        defaultShape,
        { width: 1792, height: 1024, aspectRatio: '7:4' },
        { width: 1024, height: 1792, aspectRatio: '4:7' },
      ],
      default: defaultShape,
    },
    promptMaxCharacters: 32_000,
    maxVariants: 1,
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
      maxBytes: 0,
      contentTypes: ['image/png', 'image/jpeg', 'image/webp'],
      form: 'bytes',
      framePixels: 'exact',
    },
    // The page: ask every 5 to 10 seconds.
    polling: { firstLookMs: 10_000, intervalMs: 5_000 },
    canCancel: false,
    canReconcile: false,
    callsBack: true,
  },
};

export function pixazoAbilities(upstreamModel: string, settings: AdapterSettings): ModelAbilities | undefined {
  const { maxImageBytes, ...narrowed } = readPixazoSettings(settings);
  const model = models[upstreamModel];
  if (!model) return undefined;
  return {
    ...model,
    inputs: { ...model.inputs, maxBytes: maxImageBytes },
    callsBack: narrowed.callbacks === 'true',
    polling: narrowPolling(model.polling, narrowed),
  };
}

import { z } from 'zod';
import type { ModelAbilities } from '../../contract/abilities.js';
import { type AdapterSettings, callbackSetting, narrowPolling, pollingSettings } from '../adapter.js';

const settingsSchema = z.strictObject({
  /** Which of its own routes the gateway takes; `auto` is its default. */
  provider: z.enum(['auto', 'value', 'official']).default('auto'),
  removeWatermark: z.enum(['true', 'false']).default('true'),
  ...callbackSetting,
  ...pollingSettings,
});
export type ApixoSettings = z.infer<typeof settingsSchema>;

export function readApixoSettings(settings: AdapterSettings): ApixoSettings {
  return settingsSchema.parse(settings);
}

const landscape = { width: 1280, height: 720, aspectRatio: '16:9' } as const;

const models: Record<string, ModelAbilities> = {
  'sora-2': {
    operations: ['text_to_video', 'image_to_video'],
    duration: { kind: 'set', values: [10, 15] },
    geometry: {
      promised: 'orientation',
      shapes: [landscape, { width: 720, height: 1280, aspectRatio: '9:16' }],
      default: landscape,
    },
    promptMaxCharacters: 10_000,
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
      maxBytes: 10_000_000,
      contentTypes: ['image/jpeg', 'image/png', 'image/webp'],
      form: 'url',
      framePixels: 'any',
    },
    // The page: a clip takes three to six minutes; wait 180 s, then ask every 10 s.
    polling: { firstLookMs: 180_000, intervalMs: 10_000 },
    canCancel: false,
    canReconcile: false,
    callsBack: true,
    resultLifetimeSeconds: 15 * 24 * 60 * 60,
  },
};

export function apixoAbilities(upstreamModel: string, settings: AdapterSettings): ModelAbilities | undefined {
  const narrowed = readApixoSettings(settings);
  const model = models[upstreamModel];
  return (
    model && {
      ...model,
      callsBack: narrowed.callbacks === 'true',
      polling: narrowPolling(model.polling, narrowed),
    }
  );
}

import type { AspectRatio, Operation } from './generation.js';

/** A width and height in pixels, with their aspect ratio. */
export type Shape = { width: number; height: number; aspectRatio: AspectRatio };

export type Duration = { kind: 'range'; min: number; max: number } | { kind: 'set'; values: readonly number[] };

/**
 * What one model at one provider can do, as data: validation, price and routing are derived from it.
 * A route is a candidate only when everything asked for is here; nothing is changed silently.
 */
export type ModelAbilities = {
  operations: readonly Operation[];
  /** Seconds. `set` takes only the listed ones. */
  duration: Duration;
  /** Seconds that an extension may add, where they differ from `duration`. */
  extendDuration?: Duration;
  /** Shapes that the model can be asked for. `promised`: `pixels`, or only the `orientation`. */
  geometry: { promised: 'pixels' | 'orientation'; shapes: readonly Shape[]; default: Shape };
  promptMaxCharacters: number;
  maxVariants: number;
  options: {
    negativePrompt: boolean;
    seed: boolean;
    generateAudio: boolean;
    enhancePrompt: boolean;
    personGeneration: boolean;
  };
  inputs: {
    firstFrame: boolean;
    lastFrame: boolean;
    maxReferences: number;
    maxBytes: number;
    contentTypes: readonly string[];
    /** `url`: the provider fetches images itself, so they need a public address; `bytes`: they travel within the request. */
    form: 'bytes' | 'url';
    /** `exact`: frames must have the very pixels of the video. */
    framePixels: 'any' | 'exact';
    /** Slots of which only one may be filled. */
    exclusive?: readonly ('firstFrame' | 'lastFrame' | 'references')[];
  };
  /** When the provider's page says nothing about a task's state sooner, or asks not to be polled sooner. */
  polling: { firstLookMs: number; intervalMs: number };
  canCancel: boolean;
  /** Whether the provider can say what became of a submit whose answer was lost. */
  canReconcile: boolean;
  /** Whether a submit can name an address of its own that is called when the task has ended: such a call also tells of a lost submit. */
  callsBack: boolean;
  /** How long the provider keeps a finished file, where its page says so. */
  resultLifetimeSeconds?: number;
};

import type { AspectRatio, Operation } from '../contract/generation.js';

/** The fields that a request can be refused for. */
export type RequestField =
  | 'model'
  | 'operation'
  | 'prompt'
  | 'negativePrompt'
  | 'durationSeconds'
  | 'size'
  | 'aspectRatio'
  | 'variants'
  | 'seed'
  | 'generateAudio'
  | 'enhancePrompt'
  | 'personGeneration'
  | 'firstFrame'
  | 'lastFrame'
  | 'references'
  | 'sourceVideo';

/**
 * What a caller asks for, as a dialect hands it over: its own words translated and checked by themselves, nothing filled in.
 * Images are data URLs.
 */
export type JobRequest = {
  model: string;
  prompt: string;
  operation?: Operation;
  negativePrompt?: string;
  durationSeconds?: number;
  size?: { width: number; height: number };
  aspectRatio?: AspectRatio;
  variants?: number;
  seed?: number;
  generateAudio?: boolean;
  enhancePrompt?: boolean;
  personGeneration?: string;
  firstFrame?: string;
  lastFrame?: string;
  references?: string[];
  sourceVideo?: string;
  waitSeconds?: number;
  pollIntervalSeconds?: number;
  deadlineSeconds?: number;
};

/** The caller's own word for a field, for errors. */
export type WordFor = (field: RequestField) => string;

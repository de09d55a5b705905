import type { AspectRatio, Operation } from '../contract/generation.js';
import type { RoutingPolicy } from '../contract/plan.js';

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
  | 'sourceVideo'
  | 'routing'
  | 'deadlineSeconds'
  | 'callbackUrl';

/** An image as it came: a data URL, an address on the web, or the bytes of an uploaded file. */
export type ImageSource = string | Uint8Array;

export type Size = { width: number; height: number };

/**
 * What a caller asks for, as a dialect hands it over: its own words translated and checked by themselves, nothing filled in but the
 * defaults that the dialect itself documents.
 */
export type JobRequest = {
  model: string;
  prompt: string;
  operation?: Operation;
  negativePrompt?: string;
  durationSeconds?: number;
  size?: Size;
  aspectRatio?: AspectRatio;
  variants?: number;
  seed?: number;
  generateAudio?: boolean;
  enhancePrompt?: boolean;
  personGeneration?: string;
  firstFrame?: ImageSource;
  lastFrame?: ImageSource;
  references?: ImageSource[];
  /** The first frame must have exactly one of these sizes, which is then the size of the video. */
  firstFrameSizes?: readonly Size[];
  /** Where the dialect takes only smaller images than we do. */
  maxImageBytes?: number;
  /** The id of a finished job, as `job_…`. */
  sourceVideo?: string;
  routing?: RoutingPolicy;
  callbackUrl?: string;
  waitSeconds?: number;
  pollIntervalSeconds?: number;
  deadlineSeconds?: number;
};

/** The caller's own word for a field, for errors. */
export type WordFor = (field: RequestField) => string;

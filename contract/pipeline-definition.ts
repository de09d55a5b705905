import type { AspectRatio, Operation } from './generation.js';
import type { FramePlace } from './pipeline.js';
import type { RoutingPolicy } from './plan.js';

/** An image that came with a step and was stored before the pipeline was. */
export type KeptImage = { artifactId: string };

/** The job of a step as it was asked for, in normal words; its images are stored, and its source is known when it begins. */
export type StepRequest = {
  model: string;
  prompt: string;
  operation: Operation;
  negativePrompt?: string;
  durationSeconds?: number;
  size?: { width: number; height: number };
  aspectRatio?: AspectRatio;
  variants?: number;
  seed?: number;
  generateAudio?: boolean;
  enhancePrompt?: boolean;
  personGeneration?: string;
  firstFrame?: KeptImage;
  lastFrame?: KeptImage;
  references?: KeptImage[];
  routing?: RoutingPolicy;
  callbackUrl?: string;
  waitSeconds?: number;
  pollIntervalSeconds?: number;
  deadlineSeconds?: number;
};

/** A step as its row keeps it. Which of these it has follows from its kind. */
export type StepDefinition = {
  source?: string;
  sources?: string[];
  after?: string[];
  /** Of a `frame`. */
  at?: FramePlace;
  /** Of an `approval`: how long a person has, and what they are asked. */
  deadlineSeconds?: number;
  message?: string;
  /** Of a job. */
  request?: StepRequest;
};

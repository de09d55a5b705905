import type { VideoFacts } from '../contract/artifact.js';
import type { MediaErrorReason } from './media-error.js';

/** What a clip shows and how it is made. */
export type ClipSpec = {
  path: string;
  /** Pixels; even numbers, as H.264 wants them. */
  width: number;
  height: number;
  seconds: number;
  framesPerSecond: number;
  /** The operation, in small letters above the prompt. */
  title: string;
  prompt: string;
  detail: string;
};

/** A video file, and where a picture made of it goes. */
export type Drawing = { path: string; to: string };

/** Between a parent and its child: one request at a time, one answer to each. */
export type MediaRequest =
  | { kind: 'draw'; clip: ClipSpec }
  | { kind: 'probe'; path: string }
  | ({ kind: 'thumbnail' | 'spritesheet' } & Drawing);

export type MediaAnswer =
  | { outcome: 'drawn' }
  | { outcome: 'probed'; facts: VideoFacts }
  | { outcome: 'failed'; reason: MediaErrorReason; message: string };

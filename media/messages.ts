import type { VideoFacts } from '../contract/artifact.js';

/** What a clip shows and how it is made. */
export type ClipSpec = {
  /** Where the file goes; written under another name and renamed. */
  path: string;
  width: number;
  height: number;
  seconds: number;
  framesPerSecond: number;
  /** The operation, large. */
  title: string;
  prompt: string;
  detail: string;
};

export type MediaRequest = { id: number } & ({ kind: 'draw'; clip: ClipSpec } | { kind: 'probe'; path: string });

export type MediaAnswer =
  | { id: number; outcome: 'drawn' }
  | { id: number; outcome: 'probed'; facts: VideoFacts }
  | { id: number; outcome: 'failed'; message: string };

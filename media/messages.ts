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

/** The frame on show so many seconds after the video's beginning; past its end, the last. `last` is the last that can be decoded, whatever the header says. */
export type FrameExtraction = Drawing & { at: 'first' | 'last' | number; format: 'png' };

/** `atSeconds` counts from the video's beginning. */
export type FrameFacts = { width: number; height: number; atSeconds: number };

/** One of the videos to be joined. `withoutLastFrame`: unless it is the only one. */
export type JoinSource = { path: string; withoutLastFrame?: boolean };

/** One video after the other, in the size, rate and sound of the first (of the first that has sound). */
export type Joining = { sources: readonly JoinSource[]; to: string };

/** `reencoded`: the pictures had to be made anew, as the sources differ, or one ends before what others need. */
export type JoinedVideo = VideoFacts & { reencoded: boolean };

/** What is refused as `too_large`, of what goes in and of what comes out. */
export type MediaLimits = {
  maxSeconds: number;
  /** Of one frame. */
  maxPixels: number;
  maxFrames: number;
  maxOutputBytes: number;
};

type MediaTask =
  | { kind: 'draw'; clip: ClipSpec }
  | { kind: 'probe'; path: string }
  | ({ kind: 'thumbnail' | 'spritesheet' } & Drawing)
  | ({ kind: 'frame' } & FrameExtraction)
  | ({ kind: 'join' } & Joining);

/** Between a parent and its child: one request at a time, one reply to each. */
export type MediaRequest = MediaTask & { limits: MediaLimits };

export type MediaAnswer =
  | { outcome: 'drawn' }
  | { outcome: 'probed'; facts: VideoFacts }
  | { outcome: 'extracted'; facts: FrameFacts }
  | { outcome: 'joined'; facts: JoinedVideo }
  | { outcome: 'failed'; reason: MediaErrorReason; message: string };

/** `residentMb`: the memory that the child holds on to when it has answered. */
export type MediaReply = { answer: MediaAnswer; residentMb: number };

import type { VideoFacts } from '../contract/artifact.js';
import { appearing } from './appearing.js';
import { MediaError } from './media-error.js';
import type {
  ClipSpec,
  Drawing,
  FrameExtraction,
  FrameFacts,
  JoinedVideo,
  Joining,
  MediaAnswer,
  MediaLimits,
  MediaRequest,
} from './messages.js';
import { createMediaPool } from './pool.js';

/** A call whose signal is raised ends its child at once and is rejected with the signal's reason. */
export type MediaCall = { signal?: AbortSignal };

/** Every file that is made appears whole or not at all. Every call throws a `MediaError`, unless it was the caller who ended it. */
export type MediaProcess = {
  drawClip(clip: ClipSpec, call?: MediaCall): Promise<void>;
  /** What a video file says of itself. Throws `not_a_video` where the file is none. */
  probeVideo(path: string, call?: MediaCall): Promise<VideoFacts>;
  /** One frame of a video as WebP, at most 1280 pixels long or high. */
  drawThumbnail(drawing: Drawing, call?: MediaCall): Promise<void>;
  /** Twenty frames of a video as one JPEG, 5 by 4. */
  drawSpritesheet(drawing: Drawing, call?: MediaCall): Promise<void>;
  /** One frame of a video in full size. */
  extractFrame(extraction: FrameExtraction, call?: MediaCall): Promise<FrameFacts>;
  /** One video after the other as one, as long as what went in. Pictures are copied where all sources are alike, else made anew. */
  joinVideos(joining: Joining, call?: MediaCall): Promise<JoinedVideo>;
  /** Ends at once: what is under way or waiting is rejected with the reason `closed`. */
  close(): Promise<void>;
};

type Settings = {
  /** Of one probe or picture, once it is its turn. */
  timeoutMs?: number;
  /** Of one frame in full size: all before it since the last key frame is decoded with it. */
  frameTimeoutMs?: number;
  drawTimeoutMs?: number;
  joinTimeoutMs?: number;
  /** Of the JavaScript heap of each child. */
  memoryLimitMb?: number;
  /** Of all memory of each child: codecs and pictures lie outside its heap. */
  residentLimitMb?: number;
  /** Children at work at the same time; more work waits for its turn. */
  maxConcurrent?: number;
  limits?: Partial<MediaLimits>;
};

/** Half an hour of 4K at 60 frames a second. */
const defaultLimits: MediaLimits = {
  maxSeconds: 1_800,
  maxPixels: 4_096 * 2_304,
  maxFrames: 110_000,
  maxOutputBytes: 4e9,
};

/**
 * Video work in child processes, started when first needed. Each does one thing at a time: a hostile file that hangs its child, or eats its
 * memory, ends that child and fails that call alone, and the next work gets a fresh one.
 */
export function createMediaProcess({
  timeoutMs = 20_000,
  frameTimeoutMs = 60_000,
  drawTimeoutMs = 180_000,
  joinTimeoutMs = 900_000,
  memoryLimitMb = 512,
  residentLimitMb = 2_048,
  maxConcurrent = 2,
  limits: given = {},
}: Settings = {}): MediaProcess {
  const limits = { ...defaultLimits, ...given };
  const pool = createMediaPool({ memoryLimitMb, residentLimitMb, maxConcurrent });

  return {
    drawClip: (clip, call) =>
      appearing(clip.path, async (path) => {
        await ask({ kind: 'draw', clip: { ...clip, path }, limits }, { timeoutMs: drawTimeoutMs, ...call });
      }),

    drawThumbnail: ({ path, to }, call) =>
      appearing(to, async (part) => {
        await ask({ kind: 'thumbnail', path, to: part, limits }, { timeoutMs, ...call });
      }),

    drawSpritesheet: ({ path, to }, call) =>
      appearing(to, async (part) => {
        await ask({ kind: 'spritesheet', path, to: part, limits }, { timeoutMs, ...call });
      }),

    async probeVideo(path, call) {
      const answer = await ask({ kind: 'probe', path, limits }, { timeoutMs, ...call });
      return answer.outcome === 'probed' ? answer.facts : misunderstood();
    },

    extractFrame: (extraction, call) =>
      appearing(extraction.to, async (to) => {
        const answer = await ask({ kind: 'frame', ...extraction, to, limits }, { timeoutMs: frameTimeoutMs, ...call });
        return answer.outcome === 'extracted' ? answer.facts : misunderstood();
      }),

    joinVideos: (joining, call) =>
      appearing(joining.to, async (to) => {
        const answer = await ask({ kind: 'join', ...joining, to, limits }, { timeoutMs: joinTimeoutMs, ...call });
        return answer.outcome === 'joined' ? answer.facts : misunderstood();
      }),

    close: () => pool.close(),
  };

  async function ask(request: MediaRequest, options: { timeoutMs: number } & MediaCall): Promise<MediaAnswer> {
    const answer = await pool.run(request, options);
    if (answer.outcome === 'failed') throw new MediaError(answer.reason, answer.message);
    return answer;
  }
}

function misunderstood(): never {
  throw new MediaError('failed', 'the media process answered another question');
}

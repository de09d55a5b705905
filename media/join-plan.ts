import type { Size } from './easel.js';
import type { Source } from './inspect-source.js';
import { MediaError } from './media-error.js';
import type { MediaLimits } from './messages.js';
import { checkLength } from './open-video.js';

export type SoundFormat = { sampleRate: 44_100 | 48_000; channels: 1 | 2 };

export type JoinPlan = {
  /** With the second of the result at which each begins. */
  sources: readonly (Source & { atSeconds: number })[];
  reencoded: boolean;
  size: Size;
  framesPerSecond: number;
  bitsPerSecond: number;
  seconds: number;
  frames: number;
  /** `undefined` where no source has sound. */
  sound: SoundFormat | undefined;
};

/** Steady rates are read from rounded times. */
const SAME_RATE = 0.005;
const MIN_FRAMES_PER_SECOND = 1;
const MAX_FRAMES_PER_SECOND = 120;
const MIN_BITS_PER_PIXEL = 0.08;
const MAX_BITS_PER_SECOND = 60e6;

/** The first source decides what the result is like. */
export function planJoin(sources: readonly Source[], limits: MediaLimits): JoinPlan {
  const [first] = sources;
  if (!first) throw new MediaError('unsupported', 'there is nothing to join');
  const isAlike = (source: Source) =>
    source.configuration === first.configuration &&
    source.codec === first.codec &&
    source.rotation === first.rotation &&
    source.flip === first.flip &&
    Math.abs(source.framesPerSecond / first.framesPerSecond - 1) < SAME_RATE;
  const reencoded = !sources.every((source) => source.canBeCutThere && isAlike(source));

  let seconds = 0;
  const placed = sources.map((source) => {
    const atSeconds = seconds;
    seconds += source.seconds;
    return { ...source, atSeconds };
  });
  checkLength(seconds, limits);
  const framesPerSecond = Math.max(MIN_FRAMES_PER_SECOND, Math.min(first.framesPerSecond, MAX_FRAMES_PER_SECOND));
  const frames = reencoded
    ? Math.max(1, Math.round(seconds * framesPerSecond))
    : sources.reduce((sum, source) => sum + source.frames, 0);
  if (frames > limits.maxFrames) throw new MediaError('too_large', `a video of ${frames} frames is too long`);

  // What an encoder of H.264 takes.
  const size = { width: evenly(first.size.width), height: evenly(first.size.height) };
  const wanted = Math.max(
    size.width * size.height * framesPerSecond * MIN_BITS_PER_PIXEL,
    ...sources.map(({ bitsPerSecond }) => bitsPerSecond),
  );
  const heard = sources.find(({ hasSound }) => hasSound);
  return {
    sources: placed,
    reencoded,
    size: reencoded ? size : first.size,
    framesPerSecond,
    bitsPerSecond: Math.ceil(Math.min(wanted, MAX_BITS_PER_SECOND)),
    seconds,
    frames,
    sound: heard && {
      sampleRate: heard.soundRate === 44_100 ? 44_100 : 48_000,
      channels: heard.soundChannels === 1 ? 1 : 2,
    },
  };
}

function evenly(pixels: number): number {
  return Math.max(2, 2 * Math.floor(pixels / 2));
}

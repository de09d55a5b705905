import type { AudioSample } from 'mediabunny';
import type { SoundFormat } from './join-plan.js';

const SIDE_WEIGHT = 0.7;

/** Turns what decoders give, piece after piece of one source, into interleaved samples of one rate and number of channels. */
export function createConformer({ sampleRate, channels }: SoundFormat): (sample: AudioSample) => Float32Array {
  let before = new Float32Array(channels);
  /** Where the next sample of the result lies, counted in samples from the beginning of the next piece; at least -1. */
  let next = 0;

  return (sample) => {
    const piece = mixed(sample, channels);
    if (sample.sampleRate === sampleRate) return piece;
    const step = sample.sampleRate / sampleRate;
    const last = sample.numberOfFrames - 1;
    const count = Math.max(0, Math.floor((last - next) / step) + 1);
    const result = new Float32Array(count * channels);
    const at = (frame: number, channel: number) =>
      (frame < 0 ? before[channel] : piece[Math.min(frame, last) * channels + channel]) ?? 0;
    for (let index = 0; index < count; index += 1) {
      const position = next + index * step;
      const frame = Math.floor(position);
      for (let channel = 0; channel < channels; channel += 1) {
        const left = at(frame, channel);
        result[index * channels + channel] = left + (at(frame + 1, channel) - left) * (position - frame);
      }
    }
    next += count * step - sample.numberOfFrames;
    before = piece.slice(last * channels);
    return result;
  };
}

/** One channel is heard on both sides; of many, the middle goes to both and the rest is left out. */
function mixed(sample: AudioSample, channels: 1 | 2): Float32Array {
  const given = sample.numberOfChannels;
  const data = new Float32Array(sample.numberOfFrames * given);
  sample.copyTo(data, { planeIndex: 0, format: 'f32' });
  if (given === channels) return data;
  const result = new Float32Array(sample.numberOfFrames * channels);
  for (let frame = 0; frame < sample.numberOfFrames; frame += 1) {
    const at = frame * given;
    const middle = given > 2 ? SIDE_WEIGHT * (data[at + 2] ?? 0) : 0;
    const left = (data[at] ?? 0) + middle;
    const right = (given > 1 ? (data[at + 1] ?? 0) : (data[at] ?? 0)) + middle;
    if (channels === 1) result[frame] = (left + right) / 2;
    else {
      result[2 * frame] = left;
      result[2 * frame + 1] = right;
    }
  }
  return result;
}

import { writeFile } from 'node:fs/promises';
import { createCanvas } from '@napi-rs/canvas';
import {
  type EncodedPacket,
  EncodedPacketSink,
  type InputVideoTrack,
  type VideoSample,
  VideoSampleSink,
} from 'mediabunny';
import { createEasel } from './easel.js';
import { checkDecodable } from './frames.js';
import { MediaError } from './media-error.js';
import type { FrameExtraction, FrameFacts } from './messages.js';
import { type VideoFile, withVideo } from './open-video.js';

/** One frame as the video has it, in its full size. */
export async function extractFrame({ path, at, to, limits }: FrameExtraction & VideoFile): Promise<FrameFacts> {
  const { canvas, atSeconds } = await withVideo({ path, limits }, async ({ track }) => {
    await checkDecodable(track);
    const start = Math.max(await track.getFirstTimestamp(), 0);
    const sample = at === 'last' ? await lastSample(track) : await sampleAt(track, at === 'first' ? start : start + at);
    if (!sample) throw new MediaError('not_a_video', 'no frame of the video can be decoded');
    try {
      const frame = await createEasel(limits).paint(sample);
      const { width, height } = frame;
      const canvas = createCanvas(width, height);
      frame.draw(canvas.getContext('2d'), { left: 0, top: 0, width, height });
      return { canvas, atSeconds: Math.max(sample.timestamp - start, 0) };
    } finally {
      sample.close();
    }
  });
  const picture = await canvas.encode('png');
  if (picture.length > limits.maxOutputBytes)
    throw new MediaError('too_large', `a picture of ${picture.length} bytes is too large`);
  await writeFile(to, picture);
  return { width: canvas.width, height: canvas.height, atSeconds };
}

/** The frame on show then; before the first one the first, past the end the last. */
async function sampleAt(track: InputVideoTrack, seconds: number): Promise<VideoSample | null> {
  const sink = new VideoSampleSink(track);
  const sample = await sink.getSample(seconds);
  if (sample) return sample;
  for await (const first of sink.samples()) return first;
  return null;
}

/** Decodes from the last key frame to the very end; when nothing comes of that, from the key frame before. */
async function lastSample(track: InputVideoTrack): Promise<VideoSample | null> {
  const packets = new EncodedPacketSink(track);
  const tick = 1 / (await track.getTimeResolution());
  let key = await packets.getKeyPacket(Number.POSITIVE_INFINITY, { verifyKeyPackets: true });
  while (key) {
    const last = (await lastFrom(track, key)) ?? (await lastDecodableFrom(track, key));
    if (last) return last;
    key = await packets.getKeyPacket(key.timestamp - tick, { verifyKeyPackets: true });
  }
  return null;
}

/** `null` when any of it cannot be decoded. */
async function lastFrom(track: InputVideoTrack, key: EncodedPacket): Promise<VideoSample | null> {
  let last: VideoSample | null = null;
  try {
    for await (const sample of new VideoSampleSink(track).samples(key.timestamp)) {
      last?.close();
      last = sample;
    }
    return last;
  } catch {
    last?.close();
    return null;
  }
}

/** Halves what is left until it is known how far the decoder gets. */
async function lastDecodableFrom(track: InputVideoTrack, key: EncodedPacket): Promise<VideoSample | null> {
  const times: number[] = [];
  for await (const packet of new EncodedPacketSink(track).packets(key)) times.push(packet.timestamp);
  const sink = new VideoSampleSink(track);
  let best: VideoSample | null = null;
  let good = 0;
  for (let bad = times.length; good < bad; ) {
    const middle = (good + bad) >> 1;
    const sample = await sink.getSample(times[middle] ?? key.timestamp).catch(() => null);
    if (sample) {
      best?.close();
      best = sample;
      good = middle + 1;
    } else bad = middle;
  }
  return best;
}

import { writeFile } from 'node:fs/promises';
import { createCanvas } from '@napi-rs/canvas';
import { EncodedPacketSink, type InputVideoTrack, type VideoSample, VideoSampleSink } from 'mediabunny';
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
async function lastSample(track: InputVideoTrack): Promise<VideoSample | undefined> {
  const packets = new EncodedPacketSink(track);
  const tick = 1 / (await track.getTimeResolution());
  let key = await packets.getKeyPacket(Number.POSITIVE_INFINITY, { verifyKeyPackets: true });
  while (key) {
    const last = await lastFrom(new VideoSampleSink(track), key.timestamp);
    if (last) return last;
    key = await packets.getKeyPacket(key.timestamp - tick, { verifyKeyPackets: true });
  }
  return undefined;
}

async function lastFrom(sink: VideoSampleSink, seconds: number): Promise<VideoSample | undefined> {
  let last: VideoSample | undefined;
  try {
    for await (const sample of sink.samples(seconds)) {
      last?.close();
      last = sample;
    }
  } catch {
    // What cannot be decoded ends the video; what came before it is its last frame.
  }
  return last;
}

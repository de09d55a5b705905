import { Worker } from 'node:worker_threads';
import type { Guarded } from './guard.js';
import { MediaError } from './media-error.js';
import type { MediaAnswer, MediaReply, MediaRequest } from './messages.js';

const BYTES_PER_MB = 1_048_576;

/** The media process: one answer for each request, and an end when its parent is gone. */
const [residentLimitMb, parentPid] = process.argv.slice(2).map(Number);
const guarded: Partial<Guarded> = { residentLimitMb, parentPid };
new Worker(new URL('./guard.js', import.meta.url), { workerData: guarded }).unref();
process.on('disconnect', () => process.exit(0));
process.on('message', (request: MediaRequest) => {
  void answer(request).then((answered) => {
    // Pictures are large; what a probe leaves is not worth a look at the whole heap, which takes longer than the probe.
    if (request.kind !== 'probe') globalThis.gc?.();
    const reply: MediaReply = { answer: answered, residentMb: process.memoryUsage.rss() / BYTES_PER_MB };
    process.send?.(reply);
  });
});

async function answer(request: MediaRequest): Promise<MediaAnswer> {
  try {
    return await carryOut(request);
  } catch (error) {
    const reason = error instanceof MediaError ? error.reason : 'failed';
    return { outcome: 'failed', reason, message: error instanceof Error ? error.message : String(error) };
  }
}

/** What a request needs is loaded when first needed: who only reads headers never pays for codecs and a canvas. */
async function carryOut(request: MediaRequest): Promise<MediaAnswer> {
  switch (request.kind) {
    case 'probe': {
      const { probeVideo } = await import('./probe-video.js');
      return { outcome: 'probed', facts: await probeVideo(request) };
    }
    case 'draw': {
      const { drawClip } = await import('./draw-clip.js');
      await drawClip(request.clip);
      return { outcome: 'drawn' };
    }
    case 'thumbnail': {
      const { drawThumbnail } = await import('./draw-thumbnail.js');
      await drawThumbnail(request);
      return { outcome: 'drawn' };
    }
    case 'spritesheet': {
      const { drawSpritesheet } = await import('./draw-spritesheet.js');
      await drawSpritesheet(request);
      return { outcome: 'drawn' };
    }
    case 'frame': {
      const { extractFrame } = await import('./extract-frame.js');
      return { outcome: 'extracted', facts: await extractFrame(request) };
    }
    case 'join': {
      const { joinVideos } = await import('./join-videos.js');
      return { outcome: 'joined', facts: await joinVideos(request) };
    }
  }
}

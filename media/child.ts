import { drawClip } from './draw-clip.js';
import type { MediaAnswer, MediaRequest } from './messages.js';
import { probeVideo } from './probe-video.js';

/** The media process: one answer for each request, and an end when its parent is gone. */
process.on('disconnect', () => process.exit(0));
process.on('message', (request: MediaRequest) => {
  void respond(request);
});

async function respond(request: MediaRequest): Promise<void> {
  try {
    process.send?.(await answer(request));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.send?.({ id: request.id, outcome: 'failed', message } satisfies MediaAnswer);
  }
}

async function answer(request: MediaRequest): Promise<MediaAnswer> {
  if (request.kind === 'probe') return { id: request.id, outcome: 'probed', facts: await probeVideo(request.path) };
  await drawClip(request.clip);
  return { id: request.id, outcome: 'drawn' };
}

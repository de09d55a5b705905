import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMediaProcess } from '../../media/process.js';

/** The bytes of a clip of one second, 320 by 180 pixels. */
export async function aDrawnClip(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'reelay-clip-'));
  const media = createMediaProcess({ maxConcurrent: 1 });
  try {
    const path = join(folder, 'clip.mp4');
    const words = { title: 'text_to_video', prompt: 'A paper boat', detail: 'test' };
    await media.drawClip({ path, width: 320, height: 180, seconds: 1, framesPerSecond: 20, ...words });
    return readFileSync(path);
  } finally {
    await media.close();
    await rm(folder, { recursive: true });
  }
}

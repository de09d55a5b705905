import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VideoFacts } from '../../contract/artifact.js';
import { sandboxControl } from '../../faults/sandbox-control.js';
import { createMediaProcess } from '../../media/process.js';
import { createLogger } from '../../runtime/logger.js';
import { findProjectRoot } from '../../runtime/root.js';
import { createSandbox, type SandboxSettings } from '../../sandbox/app.js';

export { sandboxControl };

/** A sandbox within this process, on a free port. Its clips are shared and kept between runs. It needs a build of `media/`. */
export async function startSandbox(settings: Partial<Omit<SandboxSettings, 'media' | 'logger'>> = {}) {
  const media = createMediaProcess({ maxConcurrent: 1 });
  const sandbox = createSandbox({
    media,
    logger: createLogger('sandbox', 'silent'),
    clipsDir: join(findProjectRoot(), '.reelay', 'clips'),
    speed: 0,
    sharesClips: true,
    ...settings,
  });
  const url = await sandbox.listen({ port: 0 });
  return {
    url,
    control: sandboxControl(url),
    /** What a file that was served says of itself. */
    async factsOf(file: Response): Promise<VideoFacts> {
      const folder = await mkdtemp(join(tmpdir(), 'reelay-clip-'));
      try {
        await writeFile(join(folder, 'clip.mp4'), Buffer.from(await file.arrayBuffer()));
        return await media.probeVideo(join(folder, 'clip.mp4'));
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    async close(): Promise<void> {
      await sandbox.close();
      await media.close();
    },
  };
}

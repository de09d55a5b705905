import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VideoFacts } from '../../contract/artifact.js';
import { createMediaProcess } from '../../media/process.js';
import { createLogger } from '../../runtime/logger.js';
import { findProjectRoot } from '../../runtime/root.js';
import { createSandbox, type SandboxSettings } from '../../sandbox/app.js';
import type { Call, LedgerCounts, LedgerEntry } from '../../sandbox/ledger.js';

type Filter = { account?: string; promptIncludes?: string; call?: Call };
type Script = {
  call: 'submit' | 'look' | 'list' | 'download';
  fault: string;
  account?: string;
  promptIncludes?: string;
  /** How often; once when left out, for ever when `null`. */
  times?: number | null;
  reason?: string;
  retryAfterSeconds?: number;
  looks?: number | null;
  bytesPerSecond?: number;
  location?: string;
};

/** What a test asks of a running sandbox: what it received, and what is to go wrong. */
export function sandboxControl(url: string) {
  const send = async (method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(new URL(path, url), { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const read = async ({ account, promptIncludes, call }: Filter) => {
    const query = new URLSearchParams();
    if (account) query.set('account', account);
    if (promptIncludes) query.set('prompt_includes', promptIncludes);
    if (call) query.set('call', call);
    const response = await send('GET', `/_sandbox/ledger?${query.toString()}`);
    return (await response.json()) as { data: LedgerEntry[]; counts: LedgerCounts };
  };

  return {
    ledger: async (filter: Filter = {}): Promise<LedgerEntry[]> => (await read(filter)).data,
    counts: async (filter: Filter = {}): Promise<LedgerCounts> => (await read(filter)).counts,
    script: (script: Script) => send('POST', '/_sandbox/scripts', script),
    clear: () => send('DELETE', '/_sandbox/scripts'),
    speed: (speed: number) => send('POST', '/_sandbox/speed', { speed }),
  };
}

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

import { fileTypeFromBuffer } from 'file-type';
import { createBoxWalk } from './mp4.js';
import type { ArtifactDraft } from './store.js';

/** Enough for every signature of a file type. */
const SNIFF_BYTES = 4_100;

const videoTypes = new Set(['video/mp4', 'video/x-m4v']);

/** A draft that is checked while it is received, so that nothing but a complete MP4 file is ever committed. */
export interface VideoDraft {
  bytes(): number;
  /** What is wrong with the file so far; then there is no use in more of it. */
  push(chunk: Uint8Array): Promise<string | undefined>;
  /** What is wrong with the file as a whole. */
  problem(): Promise<string | undefined>;
  commit: ArtifactDraft['commit'];
  abort: ArtifactDraft['abort'];
}

export function createVideoDraft(draft: ArtifactDraft): VideoDraft {
  const walk = createBoxWalk();
  let bytes = 0;
  let head = Buffer.alloc(0);
  let isSniffed = false;

  /** The header that came with the file is not asked: it is often wrong, and the first bytes are not. */
  const sniff = async (): Promise<string | undefined> => {
    isSniffed = true;
    const found = await fileTypeFromBuffer(head);
    return found && videoTypes.has(found.mime)
      ? undefined
      : `it is no MP4 file but ${found?.mime ?? 'of no known type'}`;
  };

  return {
    bytes: () => bytes,
    async push(chunk) {
      bytes += chunk.length;
      walk.push(chunk);
      if (head.length < SNIFF_BYTES) head = Buffer.concat([head, chunk.subarray(0, SNIFF_BYTES - head.length)]);
      const isTimeToSniff = !isSniffed && head.length === SNIFF_BYTES;
      const problem = isTimeToSniff ? await sniff() : undefined;
      if (!problem) await draft.append(chunk);
      return problem;
    },
    async problem() {
      if (bytes === 0) return 'it is empty';
      return (isSniffed ? undefined : await sniff()) ?? walk.problem();
    },
    commit: () => draft.commit(),
    abort: () => draft.abort(),
  };
}

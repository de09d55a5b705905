import type { StoredObject } from '../contract/artifact.js';
import { ServiceError } from '../contract/errors.js';
import {
  type InlineContentType,
  InlineMediaError,
  mediaExtensions,
  readImageSize,
  sniffContentType,
} from './inline-media.js';
import { type ArtifactDraft, type ArtifactStore, newArtifactKey } from './store.js';

/** As much as tells one kind of file from another. */
const SNIFFED_BYTES = 4_100;
/** An image says its size behind what its camera has to say; more than this is not held in memory for it. */
const IMAGE_HEAD_BYTES = 2 * 1024 * 1024;

export type ReceivedMedia = {
  stored: StoredObject;
  contentType: InlineContentType;
  /** Of an image; what a video says of itself is for others to find out. */
  size: { width: number; height: number } | undefined;
};

/**
 * Streams media into the store, under a key of its own, and never holds more than its beginning. What it is, its bytes say. Nothing is
 * left behind when it throws: `InlineMediaError`, `payload_too_large`, or whatever the stream throws.
 */
export async function receiveMedia(
  store: ArtifactStore,
  pieces: AsyncIterable<Uint8Array>,
  { maxBytes }: { maxBytes: number },
): Promise<ReceivedMedia> {
  const head = createHead();
  let draft: ArtifactDraft | undefined;
  let contentType: InlineContentType | undefined;
  let bytes = 0;

  const begin = async () => {
    contentType = await sniffContentType(head.join());
    draft = await store.create(newArtifactKey(mediaExtensions[contentType]));
    await draft.append(head.join());
    if (!contentType.startsWith('image/')) head.close();
  };

  try {
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > maxBytes)
        throw new ServiceError('payload_too_large', { detail: `At most ${maxBytes} bytes are taken.` });
      head.add(piece);
      if (draft) await draft.append(piece);
      else if (bytes >= SNIFFED_BYTES) await begin();
    }
    if (bytes === 0) throw new InlineMediaError('is empty');
    if (!draft) await begin();
    if (!draft || !contentType) throw new Error('a file was begun and is not there');
    const size = contentType.startsWith('image/') ? readImageSize(head.join()) : undefined;
    const { stored } = await draft.commit();
    return { stored, contentType, size };
  } finally {
    await draft?.abort();
  }
}

/** The beginning of a stream, for as long as it is of use. */
function createHead() {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  let isOpen = true;

  return {
    add(piece: Uint8Array): void {
      if (!isOpen || bytes >= IMAGE_HEAD_BYTES) return;
      pieces.push(piece);
      bytes += piece.length;
    },
    join(): Uint8Array {
      const joined = Buffer.concat(pieces);
      pieces = [joined];
      return joined;
    },
    close(): void {
      isOpen = false;
      pieces = [];
    },
  };
}

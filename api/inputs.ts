import { createHash } from 'node:crypto';
import {
  type InlineMedia,
  InlineMediaError,
  readDataUrl,
  readImageSize,
  readMedia,
} from '../artifacts/inline-media.js';
import { type ArtifactStore, newArtifactKey, storeBytes } from '../artifacts/store.js';
import { fieldError } from '../contract/errors.js';
import { newId } from '../runtime/ids.js';
import type { StoredInput } from '../store/artifacts.js';
import type { FetchImage } from './fetch-image.js';
import type { ImageSource, JobRequest, WordFor } from './job-request.js';

/** An image that came with a request or from the address that it named, checked but not yet stored. */
export type ReadInput = Omit<InlineMedia, 'bytes'> & {
  id: string;
  content: Uint8Array;
  bytes: number;
  sha256: string;
  width: number;
  height: number;
};

export type ReadInputs = { firstFrame?: ReadInput; lastFrame?: ReadInput; references: ReadInput[] };

const extensions = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp', 'video/mp4': 'mp4' } as const;

/** Larger images than this are no frames of a video; no provider takes them. */
const MAX_SIDE_PIXELS = 16_384;
const MAX_PIXELS = 50_000_000;

const MS_PER_DAY = 24 * 60 * 60 * 1_000;

type NamedImage = { source: ImageSource; field: string; fetchImage: FetchImage; maxBytes: number };

/** Reads every image of a request. @throws `request_invalid` naming the field of the first that is not one. */
export async function readInputs(
  { firstFrame, lastFrame, references = [], maxImageBytes: maxBytes = Number.POSITIVE_INFINITY }: JobRequest,
  { fetchImage, wordFor }: { fetchImage: FetchImage; wordFor: WordFor },
): Promise<ReadInputs> {
  const readImage = (source: ImageSource, field: string) => readNamedImage({ source, field, fetchImage, maxBytes });
  return {
    ...(firstFrame !== undefined && { firstFrame: await readImage(firstFrame, wordFor('firstFrame')) }),
    ...(lastFrame !== undefined && { lastFrame: await readImage(lastFrame, wordFor('lastFrame')) }),
    references: await Promise.all(
      references.map((reference, index) => readImage(reference, `${wordFor('references')}.${index}`)),
    ),
  };
}

/** Where the worker will find the inputs; their rows are written with the job's. */
export async function storeInputs(
  store: ArtifactStore,
  inputs: ReadInputs,
  { retentionDays }: { retentionDays: number },
): Promise<StoredInput[]> {
  const expiresAt = new Date(Date.now() + retentionDays * MS_PER_DAY).toISOString();
  const stored: StoredInput[] = [];
  try {
    for (const { id, content, contentType, bytes, sha256, width, height } of listInputs(inputs)) {
      const key = newArtifactKey(extensions[contentType]);
      await storeBytes(store, { key, bytes: content });
      const place = { id, location: key, bytes, sha256, content_type: contentType };
      stored.push({ ...place, width, height, expires_at: expiresAt });
    }
  } catch (error) {
    await removeInputs(store, stored);
    throw error;
  }
  return stored;
}

export async function removeInputs(store: ArtifactStore, inputs: readonly StoredInput[]): Promise<void> {
  await Promise.all(inputs.map(({ location }) => store.remove(location)));
}

function listInputs({ firstFrame, lastFrame, references }: ReadInputs): ReadInput[] {
  return [firstFrame, lastFrame, ...references].filter((input) => input !== undefined);
}

async function readNamedImage({ source, field, fetchImage, maxBytes }: NamedImage): Promise<ReadInput> {
  try {
    const { contentType, bytes } = await readSource(source, fetchImage);
    if (!contentType.startsWith('image/')) throw new InlineMediaError('must be an image');
    if (bytes.length > maxBytes) throw new InlineMediaError(`is ${bytes.length} bytes; at most ${maxBytes} are taken`);
    const { width, height } = readImageSize(bytes);
    if (Math.max(width, height) > MAX_SIDE_PIXELS || width * height > MAX_PIXELS || Math.min(width, height) < 1) {
      throw new InlineMediaError(
        `is ${width}x${height} pixels; at most ${MAX_SIDE_PIXELS} a side and ${MAX_PIXELS} in all are taken`,
      );
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { id: newId('art'), contentType, content: bytes, bytes: bytes.length, sha256, width, height };
  } catch (error) {
    if (error instanceof InlineMediaError) throw fieldError('request_invalid', field, error.message);
    throw error;
  }
}

async function readSource(source: ImageSource, fetchImage: FetchImage): Promise<InlineMedia> {
  if (typeof source !== 'string') return readMedia(source);
  return /^https?:/i.test(source) ? readMedia(await fetchImage(source)) : readDataUrl(source);
}

import { createHash } from 'node:crypto';
import {
  type InlineMedia,
  InlineMediaError,
  mediaExtensions,
  readDataUrl,
  readImageSize,
  readMedia,
} from '../artifacts/inline-media.js';
import { type ArtifactStore, newArtifactKey, storeBytes } from '../artifacts/store.js';
import { fieldError } from '../contract/errors.js';
import { newId } from '../runtime/ids.js';
import type { ArtifactRow, StoredInput } from '../store/artifacts.js';
import type { Uploads } from '../store/uploads.js';
import { type FetchImage, MAX_IMAGE_BYTES } from './fetch-image.js';
import { isFileId, namesFile } from './file-id.js';
import type { ImageSource, JobRequest, WordFor } from './job-request.js';

/** An image that came with a request, from the address that it named or as a file of the caller's, checked. */
export type ReadInput = {
  id: string;
  contentType: string;
  /** Its bytes, which are yet to be stored, or where they lie. */
  source: { content: Uint8Array; extension: string } | { location: string };
  bytes: number;
  sha256: string;
  width: number;
  height: number;
};

export type ReadInputs = {
  firstFrame?: ReadInput;
  lastFrame?: ReadInput;
  references: ReadInput[];
  /** The video that a job goes on from, which stays for it whatever becomes of the job or the file that it was. */
  source?: ReadInput;
};

const MS_PER_DAY = 24 * 60 * 60 * 1_000;

/** `isNew`: the bytes were stored for this request, and nobody else can name them yet. */
export type KeptInput = StoredInput & { isNew: boolean };

export type InputDeps = { fetchImage: FetchImage; uploads: Pick<Uploads, 'find'> };
type Reading = InputDeps & { workspaceId: string; wordFor: WordFor };
type NamedImage = InputDeps & { workspaceId: string; source: ImageSource; field: string; maxBytes: number };

/** Reads every image of a request. @throws `request_invalid` naming the field of the first that is not one. */
export async function readInputs(
  { firstFrame, lastFrame, references = [], maxImageBytes: maxBytes = Number.POSITIVE_INFINITY }: JobRequest,
  { wordFor, ...deps }: Reading,
): Promise<ReadInputs> {
  const readImage = (source: ImageSource, field: string) => readNamedImage({ source, field, maxBytes, ...deps });
  return {
    ...(firstFrame !== undefined && { firstFrame: await readImage(firstFrame, wordFor('firstFrame')) }),
    ...(lastFrame !== undefined && { lastFrame: await readImage(lastFrame, wordFor('lastFrame')) }),
    references: await Promise.all(
      references.map((reference, index) => readImage(reference, `${wordFor('references')}.${index}`)),
    ),
  };
}

type Storing = { workspaceId: string; retentionDays: number; uploads: Pick<Uploads, 'keptBytes'> };

/** Where the worker will find the inputs; their rows are written with the job's. Bytes that the workspace has already are named once more. */
export async function storeInputs(
  store: ArtifactStore,
  inputs: readonly ReadInput[],
  { workspaceId, retentionDays, uploads }: Storing,
): Promise<KeptInput[]> {
  const expiresAt = new Date(Date.now() + retentionDays * MS_PER_DAY).toISOString();
  const stored: KeptInput[] = [];
  try {
    for (const { id, source, contentType, bytes, sha256, width, height } of inputs) {
      const kept = 'location' in source ? source.location : await uploads.keptBytes({ workspaceId, sha256 });
      const location = kept ?? (await storeNew(store, source));
      const place = { id, location, isNew: kept === undefined, bytes, sha256, content_type: contentType };
      stored.push({ ...place, width, height, expires_at: expiresAt });
    }
  } catch (error) {
    await removeInputs(store, stored);
    throw error;
  }
  return stored;
}

/** Of a request that was not taken after all. */
export async function removeInputs(store: ArtifactStore, inputs: readonly KeptInput[]): Promise<void> {
  await Promise.all(inputs.filter(({ isNew }) => isNew).map(({ location }) => store.remove(location)));
}

async function storeNew(store: ArtifactStore, source: ReadInput['source']): Promise<string> {
  if ('location' in source) return source.location;
  const key = newArtifactKey(source.extension);
  await storeBytes(store, { key, bytes: source.content });
  return key;
}

export function listInputs({ firstFrame, lastFrame, references, source }: ReadInputs): ReadInput[] {
  return [firstFrame, lastFrame, ...references, source].filter((input) => input !== undefined);
}

async function readNamedImage(named: NamedImage): Promise<ReadInput> {
  const { source, field, maxBytes } = named;
  try {
    const isFile = typeof source === 'string' && namesFile(source);
    const image = isFile ? fromFile(await findFile(source, named)) : fromBytes(await readSource(source, named));
    const { bytes } = image;
    if (bytes > maxBytes) throw new InlineMediaError(`is ${bytes} bytes; at most ${maxBytes} are taken`);
    return image;
  } catch (error) {
    if (error instanceof InlineMediaError) throw fieldError('request_invalid', field, error.message);
    throw error;
  }
}

async function findFile(id: string, { uploads, workspaceId }: NamedImage): Promise<ArtifactRow> {
  const file = isFileId(id) ? await uploads.find({ id, workspaceId }) : undefined;
  if (!file) throw new InlineMediaError('names a file that is not known, or no longer kept');
  return file;
}

function fromFile({ location, content_type: contentType, bytes, sha256, width, height }: ArtifactRow): ReadInput {
  if (!contentType.startsWith('image/')) throw new InlineMediaError(`is a file of ${contentType}; it must be an image`);
  if (width === null || height === null) throw new InlineMediaError('is an image whose size is not known');
  // A file may be larger than any image that is taken from elsewhere.
  if (bytes > MAX_IMAGE_BYTES) throw new InlineMediaError(`is ${bytes} bytes; at most ${MAX_IMAGE_BYTES} are taken`);
  return { id: newId('art'), contentType, source: { location }, bytes, sha256, width, height };
}

function fromBytes({ contentType, bytes: content }: InlineMedia): ReadInput {
  if (!contentType.startsWith('image/')) throw new InlineMediaError('must be an image');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const source = { content, extension: mediaExtensions[contentType] };
  return { id: newId('art'), contentType, source, bytes: content.length, sha256, ...readImageSize(content) };
}

async function readSource(source: ImageSource, { fetchImage }: NamedImage): Promise<InlineMedia> {
  if (typeof source !== 'string') return readMedia(source);
  return /^https?:/i.test(source) ? readMedia(await fetchImage(source)) : readDataUrl(source);
}

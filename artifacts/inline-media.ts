import { fileTypeFromBuffer } from 'file-type';
import { imageSize } from 'image-size';

const inlineContentTypes = ['image/png', 'image/jpeg', 'image/webp', 'video/mp4'] as const;
export type InlineContentType = (typeof inlineContentTypes)[number];

/** What names of such files end with. */
export const mediaExtensions = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'video/mp4': 'mp4',
} as const satisfies Record<InlineContentType, string>;

/** Larger images than this are no frames of a video; no provider takes them. */
const MAX_SIDE_PIXELS = 16_384;
const MAX_PIXELS = 50_000_000;

export type InlineMedia = { contentType: InlineContentType; bytes: Uint8Array };

/** What is wrong with media that a caller sent within a request, in words for that field. */
export class InlineMediaError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'InlineMediaError';
  }
}

/** Longer than any type that is taken, and short enough to be looked at without reading the payload. */
const HEAD_CHARACTERS = 64;

/** Reads `data:image/png;base64,…`. Its bytes must be of the type that it declares; throws `InlineMediaError`. */
export async function readDataUrl(text: string): Promise<InlineMedia> {
  const head = /^data:([a-z]+\/[a-z0-9.+-]+);base64,/i.exec(text.slice(0, HEAD_CHARACTERS));
  if (!head)
    throw new InlineMediaError(
      'must be an http(s) address or a base64 data URL, such as data:image/png;base64,…, or the id of a file',
    );
  const contentType = inlineContentTypes.find((type) => type === head[1]?.toLowerCase());
  if (!contentType) throw new InlineMediaError(`must be one of ${inlineContentTypes.join(', ')}`);

  const payload = text.slice(head[0].length);
  const bytes = Buffer.from(payload, 'base64');
  // The decoder skips what it does not know, so only the way back shows that nothing was skipped.
  if (bytes.length === 0 || bytes.toString('base64') !== payload) {
    throw new InlineMediaError('is not valid base64 with padding');
  }
  const sniffed = await fileTypeFromBuffer(bytes);
  if (sniffed?.mime !== contentType) {
    throw new InlineMediaError(`says ${contentType}, but its content is ${sniffed?.mime ?? 'not known'}`);
  }
  return { contentType, bytes };
}

/** Media that came as a file, by its bytes alone: whatever its name or its sender called it. Throws `InlineMediaError`. */
export async function readMedia(bytes: Uint8Array): Promise<InlineMedia> {
  return { contentType: await sniffContentType(bytes), bytes };
}

/** What a file is, by its first bytes. Throws `InlineMediaError` for anything that is not taken. */
export async function sniffContentType(head: Uint8Array): Promise<InlineContentType> {
  const sniffed = await fileTypeFromBuffer(head);
  const contentType = inlineContentTypes.find((type) => type === sniffed?.mime);
  if (contentType) return contentType;
  throw new InlineMediaError(
    `must be one of ${inlineContentTypes.join(', ')}; its content is ${sniffed?.mime ?? 'not known'}`,
  );
}

/** Width and height in pixels of an image; throws `InlineMediaError` for one that cannot be read or is too large. */
export function readImageSize(head: Uint8Array): { width: number; height: number } {
  const { width, height } = sizeOf(head);
  if (Math.max(width, height) > MAX_SIDE_PIXELS || width * height > MAX_PIXELS || Math.min(width, height) < 1) {
    throw new InlineMediaError(
      `is ${width}x${height} pixels; at most ${MAX_SIDE_PIXELS} a side and ${MAX_PIXELS} in all are taken`,
    );
  }
  return { width, height };
}

function sizeOf(head: Uint8Array): { width: number; height: number } {
  try {
    return imageSize(head);
  } catch (error) {
    throw new InlineMediaError('is an image whose size cannot be read', error);
  }
}

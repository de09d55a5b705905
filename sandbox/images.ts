import { imageSize } from 'image-size';

const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 10_000;

const dataUrl = /^data:image\/(?:png|jpeg|webp);base64,([A-Za-z0-9+/]+={0,2})$/;

/** Whether a text is an image written into a data URL, by its bytes and not by its name. */
export function isInlineImage(text: string): boolean {
  return inlineImage(text) !== undefined;
}

/** Fetches images as a vendor does that takes addresses. */
export async function canUseImages(urls: readonly string[]): Promise<boolean> {
  const images = await Promise.all(urls.map(fetchImage));
  return images.every((image) => image !== undefined);
}

/** The image at an address or in a data URL, or nothing where there is none. */
export async function readImage(text: string): Promise<Buffer | undefined> {
  return text.startsWith('data:') ? inlineImage(text) : await fetchImage(text);
}

/** As vendors write it, `1280x720`; nothing where the bytes are no image that says its size. */
export function sizeOf(image: Buffer): string | undefined {
  if (!isImage(image)) return undefined;
  try {
    const { width, height } = imageSize(image);
    return `${width}x${height}`;
  } catch {
    return undefined;
  }
}

function inlineImage(text: string): Buffer | undefined {
  const encoded = dataUrl.exec(text)?.[1];
  const bytes = encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
  return bytes && isImage(bytes) ? bytes : undefined;
}

async function fetchImage(url: string): Promise<Buffer | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    if (!response.ok || Number(response.headers.get('content-length') ?? 0) > MAX_IMAGE_BYTES) return undefined;
    const bytes = Buffer.from(await response.arrayBuffer());
    return bytes.length <= MAX_IMAGE_BYTES && isImage(bytes) ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function isImage(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, 12);
  return head.startsWith('\x89PNG\r\n') || head.startsWith('\xff\xd8\xff') || /^RIFF.{4}WEBP/s.test(head);
}

const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 10_000;

const dataUrl = /^data:image\/(?:png|jpeg|webp);base64,([A-Za-z0-9+/]+={0,2})$/;

/** Whether a text is an image written into a data URL, by its bytes and not by its name. */
export function isInlineImage(text: string): boolean {
  const encoded = dataUrl.exec(text)?.[1];
  return encoded !== undefined && isImage(Buffer.from(encoded, 'base64'));
}

/** Fetches images as a vendor does that takes addresses. */
export async function canUseImages(urls: readonly string[]): Promise<boolean> {
  const usable = await Promise.all(urls.map((url) => isImageAt(url).catch(() => false)));
  return usable.every(Boolean);
}

async function isImageAt(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok || Number(response.headers.get('content-length') ?? 0) > MAX_IMAGE_BYTES) return false;
  const bytes = Buffer.from(await response.arrayBuffer());
  return bytes.length <= MAX_IMAGE_BYTES && isImage(bytes);
}

function isImage(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, 12);
  return head.startsWith('\x89PNG\r\n') || head.startsWith('\xff\xd8\xff') || /^RIFF.{4}WEBP/s.test(head);
}

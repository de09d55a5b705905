import type { MediaInput } from '../contract/generation.js';

/** An input that travels within a request, for providers that take images as text. */
export function dataUrl({ contentType, bytes }: MediaInput): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `data:${contentType};base64,${view.toString('base64')}`;
}

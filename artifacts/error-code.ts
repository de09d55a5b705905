/** The `code` of an error of Node or of the HTTP client, whichever copy of `Error` it was made with. */
export function errorCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Reads an account's base address; throws an error that names the account. */
export function readBaseUrl({ account, text, allowHttp }: { account: string; text: string; allowHttp: boolean }): URL {
  if (!URL.canParse(text)) throw new Error(`The base address of the provider account ${account} is not a URL.`);
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Error(`The base address of the provider account ${account} must be https.`);
  }
  if (url.protocol === 'http:' && !allowHttp) {
    throw new Error(
      `The base address of the provider account ${account} is plain http, which shows its key to everyone on the way. ` +
        'Use https, or set ALLOW_HTTP_PROVIDERS=true for a provider on your own machine.',
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new Error(`The base address of the provider account ${account} may hold only a host and a path.`);
  }
  return url;
}

/** An address below the base, whose own path stays in front. */
export function below(baseUrl: URL, path: string, query: Record<string, string> = {}): URL {
  const url = new URL(baseUrl);
  url.pathname = `${baseUrl.pathname.replace(/\/$/, '')}${path}`;
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

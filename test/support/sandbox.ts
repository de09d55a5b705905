type Entry = {
  at: string;
  account: string;
  call: 'submit' | 'look' | 'download';
  outcome: string;
  taskId?: string;
  prompt?: string;
  billedMicros?: number;
};
type Filter = { account?: string; promptIncludes?: string; call?: Entry['call'] };
type Script = {
  call: Entry['call'];
  fault: string;
  account?: string;
  promptIncludes?: string;
  times?: number | null;
  reason?: string;
  retryAfterSeconds?: number;
  bytesPerSecond?: number;
  location?: string;
};

/** What a test asks of a running sandbox: what it received, and what is to go wrong. */
export function sandboxControl(url: string) {
  const send = async (method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(new URL(path, url), { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };

  return {
    async ledger({ account, promptIncludes, call }: Filter = {}): Promise<Entry[]> {
      const query = new URLSearchParams();
      if (account) query.set('account', account);
      if (promptIncludes) query.set('prompt_includes', promptIncludes);
      if (call) query.set('call', call);
      const { data } = (await (await send('GET', `/_sandbox/ledger?${query.toString()}`)).json()) as { data: Entry[] };
      return data;
    },
    script: (script: Script) => send('POST', '/_sandbox/scripts', script),
    clear: () => send('DELETE', '/_sandbox/scripts'),
    speed: (speed: number) => send('POST', '/_sandbox/speed', { speed }),
  };
}

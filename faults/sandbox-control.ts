import type { Call, LedgerCounts, LedgerEntry } from '../sandbox/ledger.js';

type Filter = { account?: string; promptIncludes?: string; call?: Call };
export type SandboxScript = {
  call: 'submit' | 'look' | 'list' | 'callback' | 'download';
  fault: string;
  account?: string;
  promptIncludes?: string;
  /** How often; once when left out, for ever when `null`. */
  times?: number | null;
  /** To so many of the calls that match; all when left out. */
  share?: number;
  /** Of the chance that picks them. */
  seed?: number;
  reason?: string;
  retryAfterSeconds?: number;
  looks?: number | null;
  shownLooks?: number;
  seconds?: number;
  bytesPerSecond?: number;
  location?: string;
};

/** What is asked of a running sandbox: what it received, and what is to go wrong. */
export function sandboxControl(url: string) {
  const send = async (method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(new URL(path, url), { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const read = async ({ account, promptIncludes, call }: Filter) => {
    const query = new URLSearchParams();
    if (account) query.set('account', account);
    if (promptIncludes) query.set('prompt_includes', promptIncludes);
    if (call) query.set('call', call);
    const response = await send('GET', `/_sandbox/ledger?${query.toString()}`);
    return (await response.json()) as { data: LedgerEntry[]; counts: LedgerCounts };
  };

  return {
    ledger: async (filter: Filter = {}): Promise<LedgerEntry[]> => (await read(filter)).data,
    counts: async (filter: Filter = {}): Promise<LedgerCounts> => (await read(filter)).counts,
    script: (script: SandboxScript) => send('POST', '/_sandbox/scripts', script),
    clear: () => send('DELETE', '/_sandbox/scripts'),
    /** Where an account is called back whose vendor signs, and with what. */
    webhook: (webhook: { account: string; url: string; secret: string }) => send('POST', '/_sandbox/webhooks', webhook),
    speed: (speed: number) => send('POST', '/_sandbox/speed', { speed }),
  };
}

export type SandboxControl = ReturnType<typeof sandboxControl>;

export const calls = ['submit', 'look', 'list', 'cancel', 'delete', 'download', 'callback', 'other'] as const;
export type Call = (typeof calls)[number];

/** One call that was received (a `callback` is one that was sent): what a test asserts against. Written before the answer. */
export type LedgerEntry = {
  at: string;
  account: string;
  call: Call;
  /** `accepted` means that a task exists and is billed (with 0 where the vendor charges nothing for its end), whatever the caller was told. */
  outcome: string;
  /** The fault that was planned for this call. */
  fault?: string;
  taskId?: string;
  prompt?: string;
  billedMicros?: number;
  /** Of a download's file; known when its connection is done with it. */
  bytesSent?: number;
};

export type LedgerFilter = { account?: string; prompt_includes?: string; call?: Call };

/** What the found entries amount to. `submissions` were received, `accepted` exist and are billed. */
export type LedgerCounts = {
  submissions: number;
  accepted: number;
  looks: number;
  downloads: number;
  billedMicros: number;
  bytesSent: number;
};

const MAX_ENTRIES = 200_000;

export function createLedger() {
  let entries: LedgerEntry[] = [];

  return {
    add(entry: Omit<LedgerEntry, 'at'>): LedgerEntry {
      if (entries.length >= MAX_ENTRIES) entries = entries.slice(MAX_ENTRIES / 2);
      const added = { at: new Date().toISOString(), ...entry };
      entries.push(added);
      return added;
    },

    find({ account, prompt_includes: text, call }: LedgerFilter): LedgerEntry[] {
      return entries.filter(
        (entry) =>
          (account === undefined || entry.account === account) &&
          (call === undefined || entry.call === call) &&
          (text === undefined || entry.prompt?.includes(text)),
      );
    },
  };
}

export function countsOf(entries: readonly LedgerEntry[]): LedgerCounts {
  const counts = { submissions: 0, accepted: 0, looks: 0, downloads: 0, billedMicros: 0, bytesSent: 0 };
  for (const { call, outcome, billedMicros = 0, bytesSent = 0 } of entries) {
    if (call === 'submit') counts.submissions += 1;
    if (call === 'submit' && outcome === 'accepted') counts.accepted += 1;
    if (call === 'look') counts.looks += 1;
    if (call === 'download') counts.downloads += 1;
    counts.billedMicros += billedMicros;
    counts.bytesSent += bytesSent;
  }
  return counts;
}

export type Ledger = ReturnType<typeof createLedger>;

export type Call = 'submit' | 'look' | 'download';

/** One call that was received: what a test asserts against. Written before the answer. */
export type LedgerEntry = {
  at: string;
  account: string;
  call: Call;
  /** `accepted` means that a task exists and is billed, whatever the caller was told. */
  outcome: string;
  taskId?: string;
  prompt?: string;
  billedMicros?: number;
};

export type LedgerFilter = { account?: string; prompt_includes?: string; call?: Call };

const MAX_ENTRIES = 200_000;

export function createLedger() {
  let entries: LedgerEntry[] = [];

  return {
    add(entry: Omit<LedgerEntry, 'at'>): void {
      if (entries.length >= MAX_ENTRIES) entries = entries.slice(MAX_ENTRIES / 2);
      entries.push({ at: new Date().toISOString(), ...entry });
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

export type Ledger = ReturnType<typeof createLedger>;

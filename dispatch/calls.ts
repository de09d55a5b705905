import { type Client, isGrpcServiceError } from '@temporalio/client';

/** One call to Temporal; well below the time that a claim lives. */
const CALL_MS = 5_000;

export type Calls = ReturnType<typeof createCalls>;

/** Bounds what is asked of Temporal: the client itself would go on trying for minutes. */
export function createCalls(client: Client) {
  const open = new Set<AbortController>();
  let isClosed = false;

  return {
    async soon<Result>(work: () => Promise<Result>): Promise<Result> {
      if (isClosed) throw new Error('no more calls: the dispatcher is closed');
      const { connection } = client;
      // One for each call: the client never takes its listener off a signal.
      const call = new AbortController();
      open.add(call);
      try {
        return await connection.withAbortSignal(call.signal, () => connection.withDeadline(Date.now() + CALL_MS, work));
      } finally {
        open.delete(call);
      }
    },

    /** Ends every call that is under way, and allows no more. */
    close(): void {
      isClosed = true;
      for (const call of open) call.abort();
    },
  };
}

const INVALID_ARGUMENT = 3;

/** Whether Temporal answered, and will not do what it was asked for. */
export function isRefused(error: unknown): boolean {
  const { cause } = error instanceof Error ? error : {};
  return isGrpcServiceError(cause) && Number(cause.code) === INVALID_ARGUMENT;
}

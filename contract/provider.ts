import type { Generation } from './generation.js';
import type { ProviderFailure } from './provider-errors.js';
import type { ProviderCancel } from './states.js';

/** Small JSON, kept in history and in the attempt's row: all that later calls need. Never a signed address. */
export type ProviderTask = { account: string; upstreamModel: string; id: string; more?: Record<string, string> };

/** One file of a finished task, by the address the provider gave. The address may be signed: it lives in rows, never in history. */
export type ResultFile = { url: string };

/** How to fetch a file: its address, and headers that go to the provider's own origin only. */
export type ResultSource = { url: string; headers: Record<string, string>; credentialOrigin: string };

/** What one look found. `failed` is the provider's own word that the task is lost. */
export type Look =
  | { status: 'pending'; providerStatus: string; progress?: number; lookAgainInMs?: number }
  | { status: 'succeeded'; files: ResultFile[]; costMicros?: number }
  | { status: 'failed'; error: ProviderFailure; charged: boolean | 'unknown' };

/**
 * What the answer to a submit means. `not_sent`: no byte reached the provider. `refused`: a complete answer that says
 * nothing was created. `unknown`: bytes may have reached the provider and no usable answer came back, so money may have moved.
 */
export type Submission =
  | { outcome: 'accepted'; task: ProviderTask; lookAgainInMs?: number; finished?: Look }
  | { outcome: 'refused' | 'not_sent' | 'unknown'; error: ProviderFailure };

/** What became of an attempt whose answer was lost. */
export type Reconciliation =
  | { outcome: 'accepted'; task: ProviderTask }
  | { outcome: 'never_existed' }
  | { outcome: 'still_unknown' };

/** A task as the provider lists it, with as much of its request as the list tells. */
export type ListedTask = {
  task: ProviderTask;
  createdAt: Date | null;
  prompt?: string;
  durationSeconds?: number;
  size?: { width: number; height: number };
  status: 'open' | 'succeeded' | 'failed';
};

/** A callback as it arrived. `header` knows those that were sent once: of a doubled one nobody can say which is meant. */
export type RawCallback = { body: Uint8Array; header: (name: string) => string | undefined };

/** What a callback says, and no more than that: the provider is asked before anything changes. `excerpt` is redacted and short. */
export type CallbackClaim = { taskId: string | null; excerpt: string };

/**
 * How a provider calls back when a task has ended. `attempt`: at the address that the submit named, which nobody else knows. `account`: at
 * one address for all tasks, signed. Either way its word is a claim.
 */
export type CallbackReader =
  | { comesTo: 'attempt'; readCallback(callback: RawCallback): CallbackClaim }
  /** `forged`: the signature is not the provider's, or too old. */
  | { comesTo: 'account'; readCallback(callback: RawCallback): CallbackClaim | 'forged' };

export type CallOptions = { signal: AbortSignal };
export type SubmitOptions = CallOptions & {
  attemptKey: string;
  /** Where this attempt may be called back; it holds a secret. Absent where we have no public address. */
  callbackUrl?: string;
};
export type LostAttempt = { attemptKey: string; intendedAt: Date; upstreamModel: string };

/** One upstream account, spoken to over HTTP. Translates and judges: no retries, no waiting, no environment, no logging. */
export interface VideoProvider {
  /** Starts one paid generation. Never retries and never throws for what a provider or a network can do. */
  submit(generation: Generation, options: SubmitOptions): Promise<Submission>;
  /** Looks once. A failed look throws `LookError`; `failed` means the generation itself is lost. */
  look(task: ProviderTask, options: CallOptions): Promise<Look>;
  /** Absent where the provider has no way to cancel. */
  cancel?(task: ProviderTask, options: CallOptions): Promise<Exclude<ProviderCancel, 'unsupported'>>;
  /** Absent where the provider offers no way to ask. */
  reconcile?(attempt: LostAttempt, options: CallOptions): Promise<Reconciliation>;
  /** The tasks of this account since then, in any order. Absent where the provider has no list. Throws `LookError` when it cannot be read whole. */
  list?(since: Date, options: CallOptions): Promise<ListedTask[]>;
  /** Absent where the provider never calls back. */
  callbacks?: CallbackReader;
  /** How to fetch a file of a finished task. */
  openResult(task: ProviderTask, file: ResultFile): ResultSource;
}

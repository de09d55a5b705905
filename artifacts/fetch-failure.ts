/**
 * Why a fetch failed. `address_refused`: the scheme, a user name, the port or the address itself; nothing was sent there.
 * `network`: name, connection, TLS, reset or a cut transfer.
 */
export type FetchFailureReason = 'address_refused' | 'redirects' | 'too_large' | 'deadline' | 'too_slow' | 'network';

/** What the other side, or its address, did. The message holds no address: it may be signed. */
export class FetchFailure extends Error {
  readonly reason: FetchFailureReason;

  constructor(reason: FetchFailureReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'FetchFailure';
    this.reason = reason;
  }
}

/**
 * Why media work came to nothing. `not_a_video` is a verdict on the file; `timed_out` and `crashed` say that this file, or what was asked
 * for, ended the process that worked on it; `failed` is trouble with the work itself (no such file, no space); `closed` is our own doing.
 */
export type MediaErrorReason = 'not_a_video' | 'failed' | 'timed_out' | 'crashed' | 'closed';

export class MediaError extends Error {
  readonly reason: MediaErrorReason;

  constructor(reason: MediaErrorReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'MediaError';
    this.reason = reason;
  }
}

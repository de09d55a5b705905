/**
 * Why media work came to nothing. Verdicts on the file: `not_a_video`; `too_large`, by our limits; `unsupported`, a video that we cannot
 * work on. `timed_out`, `out_of_memory` and `crashed` say that this file, or what was asked for, ended the process that worked on it;
 * `failed` is trouble with the work itself (no such file, no space); `closed` is our own doing.
 */
export type MediaErrorReason =
  | 'not_a_video'
  | 'too_large'
  | 'unsupported'
  | 'timed_out'
  | 'out_of_memory'
  | 'crashed'
  | 'failed'
  | 'closed';

export class MediaError extends Error {
  readonly reason: MediaErrorReason;

  constructor(reason: MediaErrorReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'MediaError';
    this.reason = reason;
  }
}

/** Whether the file itself is at fault, so that trying again changes nothing. */
export function isVerdictOnFile({ reason }: MediaError): boolean {
  return reason === 'not_a_video' || reason === 'too_large' || reason === 'unsupported';
}

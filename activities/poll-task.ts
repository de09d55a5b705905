import { crashPoint } from '../runtime/crash-points.js';
import type { ActivityDeps } from './deps.js';
import { notReady } from './failure.js';
import { type LookInput, lookAndRecord, type VerdictOutcome, verdictOutcome } from './look.js';
import { reportVerdict } from './provider-health.js';
import { recordedVerdict } from './recorded-verdict.js';

export type PollInput = LookInput & {
  intervalMs: number;
  /** The caller named the interval, so the provider's hint does not shorten or stretch it. */
  isCallersInterval: boolean;
  /** The job has not polled this attempt before, in this life or a lost one, so there is no verdict to read. Absent in jobs of earlier builds. */
  isFirstPoll?: boolean;
};

/** Up to a tenth longer, so that jobs accepted together do not look together. */
const JITTER = 0.1;

/**
 * Looks at a task until the provider has decided. "Not yet" is thrown, so that Temporal's own retry is the wait: it writes no
 * history and survives every process. A failed look is retried too; only the provider's word is a verdict.
 */
export async function pollTask(deps: ActivityDeps, input: PollInput): Promise<VerdictOutcome | { kind: 'stalled' }> {
  await crashPoint('S5', input);
  const recorded = input.isFirstPoll ? undefined : await recordedVerdict(deps, input);
  if (recorded) return recorded;
  const look = await lookAndRecord(deps, input);
  if (look.status !== 'pending') {
    await crashPoint('S6', input);
    await reportVerdict(deps, { ...input, verdict: look });
    return verdictOutcome(look);
  }

  const askedMs = input.isCallersInterval ? input.intervalMs : (look.lookAgainInMs ?? input.intervalMs);
  const pacedMs = await deps.paceOfLooks(askedMs);
  const progress = look.progress === undefined ? '' : ` ${Math.round(look.progress)} %`;
  throw notReady(`${wordOf(look.providerStatus)}${progress}`, Math.round(pacedMs * (1 + Math.random() * JITTER)));
}

const LONGEST_WORD = 40;

/** A provider's status word goes into Temporal's Web UI: what does not look like one is not repeated there. */
function wordOf(providerStatus: string): string {
  return /^[\w .-]+$/.test(providerStatus) ? providerStatus.slice(0, LONGEST_WORD) : 'pending';
}

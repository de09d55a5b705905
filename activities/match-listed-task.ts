import type { ListedTask } from '../contract/provider.js';

/** A submit whose answer was lost: when it was sent, for how long it may have been sending, and what was asked for. */
export type LostSubmission = {
  upstreamModel: string;
  intendedAt: Date;
  submitTimeoutMs: number;
  prompt: string;
  durationSeconds: number;
  size?: { width: number; height: number } | null;
};

/** Ours and a provider's clock may differ by so much. */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * Whether a listed task may be what became of a lost submit. A list that does not tell the prompt proves nothing: somebody else's video
 * must never be taken for ours.
 */
export function mayHaveBecome(lost: LostSubmission, listed: ListedTask): boolean {
  const { task, createdAt, prompt, durationSeconds, size } = listed;
  if (task.upstreamModel !== lost.upstreamModel || prompt !== lost.prompt || !createdAt) return false;
  if (durationSeconds !== undefined && durationSeconds !== lost.durationSeconds) return false;
  if (size && lost.size && (size.width !== lost.size.width || size.height !== lost.size.height)) return false;
  const sinceIntentMs = createdAt.getTime() - lost.intendedAt.getTime();
  return sinceIntentMs >= -CLOCKS_DIFFER_MS && sinceIntentMs <= lost.submitTimeoutMs + CLOCKS_DIFFER_MS;
}

/** What a caller sees of a job. A terminal state never changes. */
export const jobStates = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type JobState = (typeof jobStates)[number];

/** The states a job can end in. */
const terminalStates = ['succeeded', 'failed', 'canceled'] as const satisfies readonly JobState[];
export type TerminalState = (typeof terminalStates)[number];

/** What a running job is doing. `reconciling` means that a provider may have accepted the job but its answer was lost. */
export type JobPhase = 'routing' | 'submitting' | 'reconciling' | 'waiting' | 'polling' | 'downloading' | 'settling';

/** What became of one try at one provider. `unknown` means that money may have moved; `abandoned`, that nobody waits for it any more. */
export type AttemptState =
  | 'intended'
  | 'not_sent'
  | 'accepted'
  | 'refused'
  | 'unknown'
  | 'succeeded'
  | 'failed'
  | 'abandoned';

/** What the provider made of a cancel: done, not possible there, or it had finished before. */
export type ProviderCancel = 'confirmed' | 'unsupported' | 'too_late';

/** How a follow-up was made: by the provider that made its source, or by another that animated a still of it. */
export const extensions = ['native', 'bridged'] as const;
export type Extension = (typeof extensions)[number];

export function isTerminal(state: JobState): state is TerminalState {
  return (terminalStates as readonly JobState[]).includes(state);
}

import { attemptOf, type JobState, phaseOf, routeOf } from './job-state.js';
import type { JobStateView } from './messages.js';

type Facts = { state: JobState; story: readonly string[]; isCancelRequested: boolean };

/** The answer to the `jobState` query. */
export function describeJob({ state, story, isCancelRequested }: Facts): JobStateView {
  const { step } = state;
  return {
    step: step.kind,
    phase: phaseOf(step),
    attempt: attemptOf(step),
    provider: state.plan.routes[state.routeIndex]?.account ?? null,
    isCancelRequested,
    providerCancel: state.providerCancel,
    story: [...story],
  };
}

/** The job in Markdown, as Temporal's Web UI shows it. */
export function storyOf(state: JobState, story: readonly string[]): string {
  const { step } = state;
  // Here, because whoever reads it may be the one who is waited for.
  const decision = step.kind === 'hold' ? ['', 'An operator decides: `npm run admin -- job resolve <job> …`'] : [];
  const now = step.kind === 'finish' ? `**${step.ending.state}**` : `**${phaseOf(step)}** at ${routeOf(state).account}`;
  return [now, ...decision, '', ...story.map((line) => `- ${line}`)].join('\n');
}

import type { JobStateView } from './messages.js';
import { attemptOf, type JobState, phaseOf, routeOf } from './next-step.js';

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
  const now = step.kind === 'finish' ? `**${step.ending.state}**` : `**${phaseOf(step)}** at ${routeOf(state).account}`;
  return [now, '', ...story.map((line) => `- ${line}`)].join('\n');
}

import { formatUsd } from '../contract/money.js';
import type { StepState } from '../contract/pipeline.js';
import type { StepFacts } from '../contract/pipeline-plan.js';
import type { PipelineState } from './next-steps.js';

const SECOND_MS = 1_000;

const signs: Record<StepState, string> = {
  pending: '·',
  running: '▶',
  waiting_approval: '✋',
  succeeded: '✓',
  failed: '✗',
  skipped: '–',
  canceled: '–',
};

/** The steps, each under the first that it needs: a block of code, as Temporal's Web UI writes nested lists in one line. */
export function treeOf({ steps }: Pick<PipelineState, 'steps'>, facts: Readonly<Record<string, StepFacts>>): string {
  const done = steps.filter(({ state }) => state === 'succeeded').length;
  const lines: string[] = [];

  function write(parent: string | undefined, depth: number): void {
    for (const { name, kind, state } of steps.filter(({ needs }) => needs[0] === parent)) {
      const told = [kind, state, ...words(facts[name] ?? {})].join(' · ');
      const branch = depth === 0 ? '' : `${'  '.repeat(depth - 1)}└ `;
      lines.push(`${branch}${signs[state]} ${name} · ${told}`);
      write(name, depth + 1);
    }
  }

  write(undefined, 0);
  return [`**${done} of ${steps.length} steps done**`, '', '```', ...lines, '```'].join('\n');
}

function words({ provider, costMicros, errorCode, startedAtMs, finishedAtMs }: StepFacts): string[] {
  const isTimed = startedAtMs !== undefined && finishedAtMs !== undefined;
  return [
    ...(errorCode === undefined ? [] : [errorCode]),
    ...(provider === undefined ? [] : [provider]),
    ...(costMicros === undefined ? [] : [`${formatUsd(costMicros)} USD`]),
    ...(isTimed ? [`${((finishedAtMs - startedAtMs) / SECOND_MS).toFixed(1)} s`] : []),
  ];
}

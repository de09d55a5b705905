import { describe, expect, it } from '@jest/globals';
import type { StepKind, StepState } from '../../contract/pipeline.js';
import { type NextSteps, nextSteps, type PipelineState } from '../../workflows/next-steps.js';

const letters: Record<string, StepState> = {
  p: 'pending',
  r: 'running',
  w: 'waiting_approval',
  s: 'succeeded',
  f: 'failed',
  k: 'skipped',
  c: 'canceled',
  // Could not be begun a moment ago.
  d: 'pending',
};

/** `a:s b:p<a` is a step that has succeeded and one that waits for it; a capital letter is an approval. */
function stepsOf(words: string): PipelineState['steps'] {
  return words.split(' ').map((word) => {
    const [head = '', needs] = word.split('<');
    const [name = '', letter = ''] = head.split(':');
    const kind: StepKind = name === name.toUpperCase() ? 'approval' : 'extend';
    const state = letters[letter];
    if (!state) throw new Error(`no state ${letter}`);
    return { name, kind, needs: needs?.split(',') ?? [], state, isDelayed: letter === 'd' };
  });
}

const stateOf = (words: string, changes: Partial<PipelineState> = {}): PipelineState => ({
  steps: stepsOf(words),
  maxParallel: 2,
  onFailure: 'stop',
  isCancelRequested: false,
  isDraining: false,
  ...changes,
});

const go = (does: { begin?: string; skip?: string; cancel?: string } = {}): NextSteps => ({
  kind: 'go',
  begin: does.begin?.split(' ') ?? [],
  skip: does.skip?.split(' ') ?? [],
  cancel: does.cancel?.split(' ') ?? [],
});
const finish = (state: 'succeeded' | 'failed' | 'canceled'): NextSteps => ({ kind: 'finish', state });

describe('nextSteps', () => {
  it.each<[string, string, Partial<PipelineState>, NextSteps]>([
    ['begins what needs nothing', 'a:p b:p<a', {}, go({ begin: 'a' })],
    ['begins what does not depend on each other side by side', 'a:p b:p c:p<a,b', {}, go({ begin: 'a b' })],
    ['begins no more than may run at once, in the order of the pipeline', 'a:p b:p c:p', {}, go({ begin: 'a b' })],
    ['fills the places that are left', 'a:r b:p c:p', {}, go({ begin: 'b' })],
    ['waits while all places are taken', 'a:r b:r c:p', {}, go()],
    ['waits for all that a step needs', 'a:s b:r c:p<a,b', {}, go()],
    ['begins a step when the last that it needs has succeeded', 'a:s b:s c:p<a,b', {}, go({ begin: 'c' })],
    ['asks a person although all places are taken', 'a:r b:r C:p', {}, go({ begin: 'C' })],
    ['gives the place of who waits for a person to others', 'A:w b:p c:p', {}, go({ begin: 'b c' })],
    ['begins nothing behind an approval that waits', 'A:w b:p<A', {}, go()],
    ['goes on behind an approval', 'A:s b:p<A', {}, go({ begin: 'b' })],
    ['ends when everything has succeeded', 'a:s b:s<a', {}, finish('succeeded')],

    [
      'leaves a step alone that is delayed, and begins others in its place',
      'a:d b:p c:p d:p<a',
      {},
      go({ begin: 'b c' }),
    ],
    ['waits for what is delayed', 'a:d b:s', {}, go()],
    ['passes over what is delayed after a failure', 'a:d b:f', {}, go({ skip: 'a' })],
    ['cancels what is delayed', 'a:d b:s', { isCancelRequested: true }, go({ cancel: 'a' })],
    ['goes on as a new workflow while a step is delayed', 'a:d b:s', { isDraining: true }, { kind: 'continueAsNew' }],

    ['begins nothing new after a failure, and lets run what runs', 'a:f b:r c:p d:p<b', {}, go({ skip: 'c d' })],
    ['waits for what runs after a failure', 'a:f b:r c:k', {}, go()],
    ['does not wait for a person after a failure', 'a:f B:w c:p<B', {}, go({ skip: 'B c' })],
    ['ends as failed when what ran has ended', 'a:f b:s c:k', {}, finish('failed')],
    ['takes a cancelled job for a failure', 'a:c b:p<a', {}, go({ skip: 'b' })],
    ['ends as failed after a rejection', 'A:f b:k<A', {}, finish('failed')],

    [
      'goes on with what does not need the failed step',
      'a:f b:p c:p<a d:p<c',
      { onFailure: 'continue' },
      go({ begin: 'b', skip: 'c d' }),
    ],
    [
      'skips whoever needs it from afar, in whatever order they stand',
      'd:p<c c:p<b b:p<a a:f e:r',
      { onFailure: 'continue' },
      go({ skip: 'b c d' }),
    ],
    ['skips what needs one of several', 'a:f b:s c:p<a,b', { onFailure: 'continue' }, go({ skip: 'c' })],
    ['goes on waiting for a person', 'a:f B:w c:p<B', { onFailure: 'continue' }, go()],
    ['ends as failed although others have succeeded', 'a:f b:s c:k<a', { onFailure: 'continue' }, finish('failed')],

    [
      'cancels what has not begun, and waits for what has',
      'a:s b:r c:p D:w',
      { isCancelRequested: true },
      go({ cancel: 'c D' }),
    ],
    ['waits for the last to stop', 'a:s b:r c:c', { isCancelRequested: true }, go()],
    ['ends as cancelled', 'a:s b:c c:c', { isCancelRequested: true }, finish('canceled')],
    ['ends as cancelled, also after a failure', 'a:f b:p', { isCancelRequested: true }, go({ cancel: 'b' })],
    [
      'has succeeded when the cancel came too late for every step',
      'a:s b:s',
      { isCancelRequested: true },
      finish('succeeded'),
    ],

    ['begins nothing while it drains', 'a:s b:r c:p<a', { isDraining: true }, go()],
    ['goes on as a new one when nothing runs', 'a:s b:s c:p<a', { isDraining: true }, { kind: 'continueAsNew' }],
    [
      'goes on as a new one while a person is waited for',
      'a:s B:w c:p<B',
      { isDraining: true },
      { kind: 'continueAsNew' },
    ],
    ['skips before it goes on as a new one', 'a:f b:p', { isDraining: true }, go({ skip: 'b' })],
    ['ends rather than going on with nothing left', 'a:s b:s', { isDraining: true }, finish('succeeded')],
  ])('%s', (_, words, changes, expected) => {
    expect(order(nextSteps(stateOf(words, changes)))).toEqual(order(expected));
  });

  it('brings any pipeline to its end, whatever fails, and begins every step once at most', () => {
    for (const onFailure of ['stop', 'continue'] as const) {
      for (let failing = 0; failing < 8; failing += 1) {
        let state = stateOf('a:p b:p c:p<a d:p<a,b E:p<c f:p<E g:p<d,f h:p', { onFailure });
        const begun: string[] = [];
        for (let turn = 0; turn < 40; turn += 1) {
          const next = nextSteps(state);
          if (next.kind !== 'go') break;
          begun.push(...next.begin);
          const running = [
            ...state.steps.filter((step) => step.state === 'running').map(({ name }) => name),
            ...next.begin,
          ];
          const isFailing = (name: string) => state.steps.findIndex((step) => step.name === name) === failing;
          state = {
            ...state,
            steps: state.steps.map((step) => {
              if (next.skip.includes(step.name)) return { ...step, state: 'skipped' };
              if (!running.includes(step.name)) return step;
              return { ...step, state: isFailing(step.name) ? 'failed' : 'succeeded' };
            }),
          };
        }
        expect(nextSteps(state)).toEqual(finish('failed'));
        expect(new Set(begun).size).toBe(begun.length);
      }
    }
  });
});

function order(next: NextSteps): NextSteps {
  return next.kind === 'go' ? { ...next, skip: next.skip.toSorted((left, right) => left.localeCompare(right)) } : next;
}

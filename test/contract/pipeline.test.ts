import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findStepFault, needsOf, type StepNode } from '../../contract/pipeline.js';

const job = 'job_01kaz0000000000000000000zz';
const file = 'file_01kaz0000000000000000000zz';
const shot = (name = 'shot'): StepNode => ({ name, kind: 'text_to_video' });
const extend = (name: string, source: string): StepNode => ({ name, kind: 'extend', source });
const frame = (name: string, source: string): StepNode => ({ name, kind: 'frame', source });

describe('the steps of a pipeline', () => {
  it('may be a whole film: a shot, what follows it, a still of that, an approval, and all of it joined', () => {
    const film: StepNode[] = [
      { name: 'film', kind: 'concat', sources: ['painted', 'closing', job, file], after: ['agreed'] },
      shot(),
      extend('longer', 'shot'),
      { name: 'painted', kind: 'remix', source: 'longer' },
      frame('last', 'painted'),
      { name: 'looked-at', kind: 'approval', source: 'last' },
      { name: 'closing', kind: 'image_to_video', source: 'looked-at' },
      { name: 'agreed', kind: 'approval', after: ['closing'] },
    ];
    expect(findStepFault(film)).toBeUndefined();
  });

  it('may go on from joined videos, also when a person has agreed to them', () => {
    const film: StepNode[] = [
      shot(),
      { name: 'film', kind: 'concat', sources: ['shot', file] },
      extend('longer', 'film'),
      { name: 'agreed', kind: 'approval', source: 'film' },
      { name: 'painted', kind: 'remix', source: 'agreed' },
    ];
    expect(findStepFault(film)).toBeUndefined();
  });

  it.each<[string, StepNode[], ReturnType<typeof findStepFault>]>([
    [
      'two steps of one name',
      [shot(), extend('longer', 'shot'), shot()],
      { index: 2, field: 'name', message: 'steps[0] has the same name' },
    ],
    [
      'a name that is an id',
      [shot(job)],
      { index: 0, field: 'name', message: 'must not look like the id of a job or a file' },
    ],
    [
      'a source that nobody is',
      [shot(), extend('longer', 'shoot')],
      { index: 1, field: 'source', message: 'no step is named shoot' },
    ],
    [
      'an unknown one among several',
      [shot(), { name: 'film', kind: 'concat', sources: ['shot', 'nobody'] }],
      { index: 1, field: 'sources[1]', message: 'no step is named nobody' },
    ],
    [
      'a step that comes after nobody',
      [{ ...shot(), after: ['nobody'] }],
      { index: 0, field: 'after[0]', message: 'no step is named nobody' },
    ],
    [
      'a step that comes after a job',
      [{ ...shot(), after: [job] }],
      { index: 0, field: 'after[0]', message: 'must be the name of a step' },
    ],
    [
      'a step made of itself',
      [shot(), extend('longer', 'longer')],
      { index: 1, field: 'source', message: 'a step cannot need itself' },
    ],
    [
      'a step after itself',
      [{ ...shot(), after: ['shot'] }],
      { index: 0, field: 'after[0]', message: 'a step cannot need itself' },
    ],
    [
      'two that need each other',
      [shot(), extend('a', 'b'), extend('b', 'a')],
      { index: 2, field: 'source', message: 'the steps go round: a → b → a' },
    ],
    [
      'a long way round, named without the way to it',
      [extend('start', 'a'), extend('a', 'b'), extend('b', 'c'), { ...extend('c', job), after: ['a'] }],
      { index: 3, field: 'after[0]', message: 'the steps go round: a → b → c → a' },
    ],
    [
      'a frame extended',
      [shot(), frame('still', 'shot'), extend('longer', 'still')],
      { index: 2, field: 'source', message: 'extend needs a video; still is an image' },
    ],
    [
      'a remix of what an approval hands on, which is a still',
      [
        shot(),
        frame('still', 'shot'),
        { name: 'ok', kind: 'approval', source: 'still' },
        { name: 'painted', kind: 'remix', source: 'ok' },
      ],
      { index: 3, field: 'source', message: 'remix needs a video; ok is an image' },
    ],
    [
      'an approval extended that shows nothing',
      [{ name: 'ok', kind: 'approval' }, extend('longer', 'ok')],
      { index: 1, field: 'source', message: 'extend needs a video; ok has none' },
    ],
    [
      'a video animated',
      [{ name: 'moving', kind: 'image_to_video', source: job }],
      { index: 0, field: 'source', message: `image_to_video needs an image; ${job} is a video` },
    ],
    [
      'a still joined to a video',
      [shot(), frame('still', 'shot'), { name: 'film', kind: 'concat', sources: ['shot', 'still'] }],
      { index: 2, field: 'sources[1]', message: 'concat needs videos; still is an image' },
    ],
    [
      'a still of what an approval hands on, which is a still',
      [shot(), frame('still', 'shot'), { name: 'ok', kind: 'approval', source: 'still' }, frame('again', 'ok')],
      { index: 3, field: 'source', message: 'frame needs a video; ok is an image' },
    ],
    [
      'a still of an approval that shows nothing',
      [{ name: 'ok', kind: 'approval' }, frame('still', 'ok')],
      { index: 1, field: 'source', message: 'frame needs a video; ok has none' },
    ],
    [
      'a shot with a source',
      [shot(), { ...shot('other'), source: 'shot' }],
      { index: 1, field: 'source', message: 'text_to_video has no source; shot is a video' },
    ],
  ])('are refused for %s, with the step named', (_, steps, fault) => {
    expect(findStepFault(steps)).toEqual(fault);
  });

  it('are at most a hundred', () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, index) => (index === 0 ? shot('s0') : extend(`s${index}`, `s${index - 1}`)));
    expect(findStepFault(chain(100))).toBeUndefined();
    expect(findStepFault(chain(101))).toEqual({ index: 100, field: null, message: 'a pipeline has at most 100 steps' });
  });

  it('need each step that they name once, and nothing from outside', () => {
    const film: StepNode = { name: 'film', kind: 'concat', sources: ['a', job, 'b', 'a', file], after: ['b', 'c'] };
    expect(needsOf(film)).toEqual(['a', 'b', 'c']);
  });

  it('have an order exactly when they are not refused as going round', () => {
    const graphs = fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 3 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(graphs, (graph) => {
        const steps: StepNode[] = graph.map((needs, index) => ({
          ...shot(`s${index}`),
          after: needs.filter((need) => need < graph.length && need !== index).map((need) => `s${need}`),
        }));
        expect(findStepFault(steps) === undefined).toBe(hasOrder(steps));
      }),
    );
  });
});

/** Takes away what needs nothing that is left, until nothing is left or nothing can be taken. */
function hasOrder(steps: readonly StepNode[]): boolean {
  let left = [...steps];
  for (;;) {
    const names = new Set(left.map(({ name }) => name));
    const next = left.filter(({ after = [] }) => after.some((name) => names.has(name)));
    if (next.length === 0) return true;
    if (next.length === left.length) return false;
    left = next;
  }
}

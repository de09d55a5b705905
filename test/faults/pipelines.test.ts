import { describe, expect, it } from '@jest/globals';
import type { PipelineFacts, StepFacts, StepJobFacts } from '../../faults/invariants/pipeline-facts.js';
import { judgePipeline, type PipelineEvidence } from '../../faults/invariants/pipelines.js';

const aStep = (given: Partial<StepFacts> = {}): StepFacts => ({
  name: 'shot',
  kind: 'text_to_video',
  state: 'succeeded',
  sources: [],
  job_id: 'job_1',
  artifact_id: null,
  ...given,
});

const aJob = (given: Partial<StepJobFacts> = {}): StepJobFacts => ({
  id: 'job_1',
  step: 'shot',
  state: 'succeeded',
  captured_micros: 100_000,
  videos: [{ sha256: 'a', seconds: 1 }],
  ...given,
});

const theFilm = aStep({ name: 'film', kind: 'concat', sources: ['shot', 'shot'], job_id: null, artifact_id: 'art_1' });
const itsFile = { id: 'art_1', step: 'film', sha256: 'b', seconds: 2 };

/** `step.failed shot` is an event of that step. */
const eventsOf = (...lines: string[]) => ({
  events: lines.map((line, index) => {
    const [type = '', step = null] = line.split(' ');
    return { sequence: index + 1, type, step, atMs: index };
  }),
  last_sequence: lines.length,
});
const begun = ['pipeline.queued', 'pipeline.started', 'step.started shot'];
const wentWell = [...begun, 'step.succeeded shot', 'step.started film', 'step.succeeded film'];

const someFacts = (given: Partial<PipelineFacts> = {}): PipelineFacts => ({
  id: 'pipe_1',
  state: 'succeeded',
  run: 1,
  reserve_micros: 0,
  spent_micros: 100_000,
  ...eventsOf(...wentWell, 'pipeline.succeeded'),
  steps: [aStep(), theFilm],
  jobs: [aJob()],
  files: [itsFile],
  keys: ['key-1'],
  ...given,
});

const judged = (facts: Partial<PipelineFacts>, given: Partial<PipelineEvidence> = {}) => {
  const accepted = { id: 'pipe_1', idempotencyKey: 'key-1' };
  const evidence = { accepted, facts: someFacts(facts), twins: ['pipe_1'], workflowStates: ['succeeded'], ...given };
  return judgePipeline(evidence).map(({ invariant, what }) => `${invariant} ${what}`);
};

/** One that failed at its film, and went well when it was run again. */
const ranAgain = {
  run: 2,
  ...eventsOf(
    ...begun,
    'step.succeeded shot',
    'step.started film',
    'step.failed film',
    'pipeline.failed',
    'pipeline.retried',
    'pipeline.started',
    'step.started film',
    'step.succeeded film',
    'pipeline.succeeded',
  ),
};
const bothRuns = { workflowStates: ['failed', 'succeeded'] };

/** One whose shot was never made. */
const failedFacts: Partial<PipelineFacts> = {
  state: 'failed',
  spent_micros: 0,
  ...eventsOf(...begun, 'step.failed shot', 'step.skipped film', 'pipeline.failed'),
  steps: [aStep({ state: 'failed' }), { ...theFilm, state: 'skipped', artifact_id: null }],
  jobs: [aJob({ state: 'failed', captured_micros: 0, videos: [] })],
  files: [],
};
const hasFailed = { workflowStates: ['failed'] };

describe('the judge of a pipeline', () => {
  it('finds nothing wrong with one that went well, failed, or went well in its second run', () => {
    expect(judged({})).toEqual([]);
    expect(judged(failedFacts, hasFailed)).toEqual([]);
    expect(judged(ranAgain, bothRuns)).toEqual([]);
    expect(judged(ranAgain, { workflowStates: [undefined, undefined] })).toEqual([]);
  });

  it('bears a step that was made in the second run, by another job than in the first', () => {
    const facts = {
      run: 2,
      ...eventsOf(
        ...begun,
        'step.failed shot',
        'step.skipped film',
        'pipeline.failed',
        'pipeline.retried',
        ...wentWell.slice(1),
        'pipeline.succeeded',
      ),
      jobs: [aJob({ id: 'job_0', state: 'failed', captured_micros: 0, videos: [] }), aJob()],
    };
    expect(judged(facts, bothRuns)).toEqual([]);
  });

  it('blames one that is lost, or is one of two for its key', () => {
    expect(judged({}, { facts: undefined })).toEqual(['I1 it was accepted and is not there']);
    expect(judged({}, { twins: ['pipe_1', 'pipe_2'] })).toEqual(['I7 pipelines for its key: pipe_1, pipe_2']);
    expect(judged({ keys: ['key-2'] })).toEqual(['I7 its idempotency key names another pipeline']);
  });

  it.each<[string, string, Partial<PipelineFacts>]>([
    ['has not ended', 'I1 run 1 has 0 ends', eventsOf(...wentWell)],
    ['has ended twice', 'I1 run 1 has 2 ends', eventsOf(...wentWell, 'pipeline.succeeded', 'pipeline.succeeded')],
    [
      'went on after its end',
      'I5 after the end of run 1 came step.succeeded',
      eventsOf(...wentWell.slice(0, -1), 'pipeline.succeeded', 'step.succeeded film'),
    ],
    ['has no word of a run', 'I5 it is in run 2, its events tell of 1', { run: 2 }],
    ['counts otherwise', 'I5 it counts 9 events and has 7', { last_sequence: 9 }],
    [
      'has a gap',
      'I5 its events have a gap',
      { events: someFacts().events.map((event) => ({ ...event, sequence: 2 * event.sequence })) },
    ],
    [
      'ended as another',
      'I5 it is succeeded, its last end is pipeline.failed',
      eventsOf(...wentWell, 'pipeline.failed'),
    ],
    [
      'succeeded without a step',
      'I5 it is succeeded, its steps are succeeded, skipped',
      { steps: [aStep(), { ...theFilm, state: 'skipped' }] },
    ],
  ])('blames one that %s', (_, wanted, facts) => {
    expect(judged(facts)).toContain(wanted);
  });

  it('blames a run that its workflow contradicts, each run by its own', () => {
    expect(judged({}, { workflowStates: ['failed'] })).toEqual([
      'I5 run 1 ended with pipeline.succeeded, its workflow is failed',
    ]);
    expect(judged({}, { workflowStates: ['still running'] })).toHaveLength(1);
    expect(judged(ranAgain, { workflowStates: ['succeeded', 'succeeded'] })).toEqual([
      'I5 run 1 ended with pipeline.failed, its workflow is succeeded',
    ]);
  });

  it.each<[string, string, string[]]>([
    ['has no end', 'I1 film has 0 ends in run 1', wentWell.slice(0, -1)],
    ['has two ends', 'I1 film has 2 ends in run 1', [...wentWell, 'step.failed film']],
    ['began twice', 'I11 film began more than once in run 1', [...wentWell.slice(0, -1), ...wentWell.slice(-2)]],
    [
      'went on after its end',
      'I5 after the end of film came step.started',
      [...wentWell.slice(0, -2), 'step.succeeded film', 'step.started film'],
    ],
    [
      'ended as another',
      'I5 film is succeeded, its last end is step.failed',
      [...wentWell.slice(0, -1), 'step.failed film'],
    ],
  ])('blames a step that %s', (_, wanted, lines) => {
    expect(judged(eventsOf(...lines, 'pipeline.succeeded'))).toContain(wanted);
  });

  it('blames a step that was done and ran again', () => {
    const lines = ranAgain.events.map(({ type, step }) => (step ? `${type} ${step}` : type));
    const again = lines.flatMap((line, index) => (index === 8 ? [line, 'step.started shot'] : [line]));
    expect(judged({ run: 2, ...eventsOf(...again) }, bothRuns)).toEqual([
      'I11 shot was done, and then came step.started',
    ]);
  });

  it.each<[string, string, Partial<PipelineFacts>]>([
    [
      'charged twice',
      'I11 shot was charged 2 times',
      { run: 2, jobs: [aJob({ id: 'job_0', state: 'canceled', videos: [] }), aJob()] },
    ],
    ['made twice', 'I11 shot is succeeded, of its jobs 2 have succeeded', { jobs: [aJob({ id: 'job_0' }), aJob()] }],
    ['given two jobs in one run', 'I11 shot has 2 jobs', { jobs: [aJob({ id: 'job_0' }), aJob()] }],
    ['done without a job', 'I11 shot is succeeded, of its jobs 0 have succeeded', { jobs: [] }],
    ['done by another job', 'I11 shot is succeeded, of its jobs 1 have succeeded', { jobs: [aJob({ id: 'job_9' })] }],
    ['done without a video', 'I11 shot has 0 videos', { jobs: [aJob({ videos: [] })] }],
    ['done without a file', 'I11 film is succeeded and has 0 files', { files: [] }],
    ['done with two files', 'I11 film is succeeded and has 2 files', { files: [itsFile, { ...itsFile, id: 'art_2' }] }],
    ['carried out by a job although it is none', 'I11 film has 1 jobs', { jobs: [aJob(), aJob({ step: 'film' })] }],
    ['joined too short', 'I4 film lasts 1 s, its sources 2 s', { files: [{ ...itsFile, seconds: 1 }] }],
  ])('blames a step that is %s', (_, wanted, facts) => {
    expect(judged(facts)).toContain(wanted);
  });

  it('blames a failed step that has made something', () => {
    expect(judged({ ...failedFacts, jobs: [aJob({ captured_micros: 0 })] }, hasFailed)).toContain(
      'I11 shot is failed, of its jobs 1 have succeeded',
    );
    expect(judged({ ...failedFacts, files: [itsFile] }, hasFailed)).toEqual(['I11 film is skipped and has 1 files']);
  });

  it('blames a reserve that is not empty, is not there, or went elsewhere than to its jobs', () => {
    expect(judged({ reserve_micros: 1 })).toEqual(['I3 its reserve holds 1']);
    expect(judged({ reserve_micros: null })).toEqual(['I3 its reserve holds null']);
    expect(judged({ spent_micros: 90_000 })).toEqual(['I3 90000 was spent of its reserve, its jobs captured 100000']);
  });
});

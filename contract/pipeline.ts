import type { Operation } from './generation.js';

/** What a step does. The first four are jobs; of the others, `concat` joins videos, `frame` takes a still, and `approval` waits for a person. */
export const stepKinds = ['text_to_video', 'image_to_video', 'extend', 'remix', 'concat', 'frame', 'approval'] as const;
export type StepKind = (typeof stepKinds)[number];
export type JobStepKind = Extract<StepKind, Operation>;

/** Where a step stands. Nothing but a retry of its pipeline takes a step out of one of the last four. */
export const stepStates = [
  'pending',
  'running',
  'waiting_approval',
  'succeeded',
  'failed',
  'skipped',
  'canceled',
] as const;
export type StepState = (typeof stepStates)[number];

/** What becomes of the others when a step fails: nothing new begins, or whatever does not need it goes on. */
export const failurePolicies = ['stop', 'continue'] as const;
export type FailurePolicy = (typeof failurePolicies)[number];

/** Which still a `frame` step takes. */
export const framePlaces = ['first', 'last'] as const;
/** A place by its name, or in seconds from the beginning. */
export type FramePlace = (typeof framePlaces)[number] | { seconds: number };

export const MAX_STEPS = 100;
export const DEFAULT_PARALLEL = 4;
export const MAX_PARALLEL = 10;

/** How the steps of a pipeline hang together. What a source names is a step, a job or a file. */
export type StepNode = {
  name: string;
  kind: StepKind;
  source?: string;
  sources?: readonly string[];
  /** Steps that must have succeeded first, although nothing of theirs is used. */
  after?: readonly string[];
};

/** Why a pipeline cannot be run: at which step, by its index, and which of its fields, as `source` or `sources[2]`. */
export type StepFault = { index: number; field: string | null; message: string };

/** Whether these words name a job or a file, and so no step. */
export function isOutsideSource(source: string): boolean {
  return /^(job|file)_[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(source);
}

export function isJobStep(kind: StepKind): kind is JobStepKind {
  return kind === 'text_to_video' || kind === 'image_to_video' || kind === 'extend' || kind === 'remix';
}

/** The steps that must have succeeded before this one begins, each once. */
export function needsOf(step: StepNode): string[] {
  return [...new Set(referencesOf(step).flatMap(({ text }) => (isOutsideSource(text) ? [] : [text])))];
}

/** What a step leaves behind: a video, whoever made it, an image, or nothing that another could use. */
type Product = 'video' | 'image' | 'nothing';

const products = {
  text_to_video: 'video',
  image_to_video: 'video',
  extend: 'video',
  remix: 'video',
  concat: 'video',
  frame: 'image',
} as const satisfies Record<Exclude<StepKind, 'approval'>, Product>;

/** What each kind can be made of, and how its refusal begins. */
const materials: Record<StepKind, { takes: readonly Product[]; words: string }> = {
  text_to_video: { takes: [], words: 'has no source' },
  image_to_video: { takes: ['image'], words: 'needs an image' },
  extend: { takes: ['video'], words: 'needs a video' },
  remix: { takes: ['video'], words: 'needs a video' },
  concat: { takes: ['video'], words: 'needs videos' },
  frame: { takes: ['video'], words: 'needs a video' },
  approval: { takes: ['video', 'image'], words: 'shows a video or an image' },
};

/** The first thing for which these steps cannot be one pipeline; nothing when they can. */
export function findStepFault(steps: readonly StepNode[]): StepFault | undefined {
  if (steps.length > MAX_STEPS)
    return { index: MAX_STEPS, field: null, message: `a pipeline has at most ${MAX_STEPS} steps` };
  return findTwin(steps) ?? findUnknown(steps) ?? findCycle(steps) ?? findUnfit(steps);
}

function findTwin(steps: readonly StepNode[]): StepFault | undefined {
  const indexes = new Map<string, number>();
  for (const [index, { name }] of steps.entries()) {
    if (isOutsideSource(name)) return { index, field: 'name', message: 'must not look like the id of a job or a file' };
    const first = indexes.get(name);
    if (first !== undefined) return { index, field: 'name', message: `steps[${first}] has the same name` };
    indexes.set(name, index);
  }
  return undefined;
}

function findUnknown(steps: readonly StepNode[]): StepFault | undefined {
  const names = new Set(steps.map(({ name }) => name));
  for (const [index, step] of steps.entries()) {
    for (const { field, text } of referencesOf(step)) {
      if (text === step.name) return { index, field, message: 'a step cannot need itself' };
      if (names.has(text)) continue;
      if (!isOutsideSource(text)) return { index, field, message: `no step is named ${text}` };
      if (field.startsWith('after')) return { index, field, message: 'must be the name of a step' };
    }
  }
  return undefined;
}

/** Follows what each step needs; whoever is met again on the way goes round. */
function findCycle(steps: readonly StepNode[]): StepFault | undefined {
  const byName = new Map(steps.map((step, index) => [step.name, { step, index }]));
  const done = new Set<string>();

  function follow(name: string, way: readonly string[]): StepFault | undefined {
    const found = byName.get(name);
    if (!found || done.has(name)) return undefined;
    for (const { field, text } of referencesOf(found.step)) {
      const seenAt = [...way, name].indexOf(text);
      if (seenAt >= 0) {
        const round = [...[...way, name].slice(seenAt), text].join(' → ');
        return { index: found.index, field, message: `the steps go round: ${round}` };
      }
      const fault = follow(text, [...way, name]);
      if (fault) return fault;
    }
    done.add(name);
    return undefined;
  }

  for (const { name } of steps) {
    const fault = follow(name, []);
    if (fault) return fault;
  }
  return undefined;
}

function findUnfit(steps: readonly StepNode[]): StepFault | undefined {
  const byName = new Map(steps.map((step) => [step.name, step]));
  for (const [index, step] of steps.entries()) {
    const { takes, words } = materials[step.kind];
    for (const { field, text } of sourcesOf(step)) {
      const product = productOf(byName.get(text), byName) ?? productOfOutside(text);
      if (product !== undefined && !takes.includes(product)) {
        return { index, field, message: `${step.kind} ${words}; ${describe(text, product)}` };
      }
    }
  }
  return undefined;
}

/** Of a file only its content tells. */
function productOfOutside(text: string): Product | undefined {
  return text.startsWith('job_') ? 'video' : undefined;
}

function productOf(step: StepNode | undefined, byName: ReadonlyMap<string, StepNode>): Product | undefined {
  if (!step) return undefined;
  if (step.kind !== 'approval') return products[step.kind];
  // What is approved is handed on. That it ends is known: the steps do not go round.
  if (step.source === undefined) return 'nothing';
  return productOf(byName.get(step.source), byName) ?? productOfOutside(step.source);
}

function describe(text: string, product: Product): string {
  const words = { video: 'is a video', image: 'is an image', nothing: 'has none' };
  return `${text} ${words[product]}`;
}

type Reference = { field: string; text: string };

function sourcesOf({ source, sources = [] }: StepNode): Reference[] {
  return [
    ...(source === undefined ? [] : [{ field: 'source', text: source }]),
    ...sources.map((text, index) => ({ field: `sources[${index}]`, text })),
  ];
}

function referencesOf(step: StepNode): Reference[] {
  const { after = [] } = step;
  return [...sourcesOf(step), ...after.map((text, index) => ({ field: `after[${index}]`, text }))];
}

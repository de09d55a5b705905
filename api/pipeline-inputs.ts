import type { ArtifactStore } from '../artifacts/store.js';
import { isJobStep } from '../contract/pipeline.js';
import type { KeptImage, StepDefinition, StepRequest } from '../contract/pipeline-definition.js';
import { fewAtOnce } from '../runtime/few-at-once.js';
import { newId } from '../runtime/ids.js';
import type { NewStep } from '../store/pipelines.js';
import { type KeptInput, listInputs, type ReadInput, type ReadInputs, removeInputs, storeInputs } from './inputs.js';
import type { PlannedStep } from './pipeline-plan.js';
import type { WantedStep } from './pipeline-request.js';
import type { PrepareDeps } from './prepare.js';

type Deps = Pick<PrepareDeps, 'uploads'> & { store: ArtifactStore; retentionDays: number };
type Keeping = { planned: readonly PlannedStep[]; workspaceId: string };

/**
 * Stores the images that came with steps, and names the files and the videos of jobs that these take from outside: who deletes them
 * meanwhile takes nothing away from a step that waits. What a step will take from another is not there yet.
 */
export async function keepStepInputs(
  { store, retentionDays, uploads }: Deps,
  { planned, workspaceId }: Keeping,
): Promise<(KeptInput & { step: string })[]> {
  const kept: (KeptInput & { step: string })[] = [];
  try {
    await fewAtOnce(planned, async (one) => {
      const inputs = await storeInputs(store, toKeep(one), { workspaceId, retentionDays, uploads });
      kept.push(...inputs.map((input) => ({ ...input, step: one.step.name })));
    });
  } catch (error) {
    await removeInputs(store, kept);
    throw error;
  }
  return kept;
}

/** The step as its row keeps it. */
export function newStepOf({ step, prepared, holdMicros }: PlannedStep): NewStep {
  const { name, kind, source, sources, after, at, deadlineSeconds, message, request } = step;
  const definition: StepDefinition = { source, sources, after, at, deadlineSeconds, message };
  if (request && prepared && isJobStep(kind)) {
    const { firstFrame: _, lastFrame: _last, references: _references, sourceVideo: _source, ...words } = request;
    const own = ownInputs(step, prepared.inputs);
    const images = {
      ...(own.firstFrame && { firstFrame: keptImage(own.firstFrame) }),
      ...(own.lastFrame && { lastFrame: keptImage(own.lastFrame) }),
      ...(own.references.length > 0 && { references: own.references.map(keptImage) }),
    };
    definition.request = { ...words, operation: kind, ...images } satisfies StepRequest;
  }
  return { name, kind, definition, reservedMicros: holdMicros };
}

function toKeep({ step, prepared, outside }: PlannedStep): ReadInput[] {
  const own = prepared ? listInputs(ownInputs(step, prepared.inputs)) : [];
  // Several steps may name the same file: each keeps it under an id of its own.
  return [...own, ...outside.map((input) => ({ ...input, id: newId('art') }))];
}

function ownInputs({ source }: WantedStep, { firstFrame, lastFrame, references }: ReadInputs): ReadInputs {
  return { firstFrame: source === undefined ? firstFrame : undefined, lastFrame, references };
}

function keptImage({ id }: ReadInput): KeptImage {
  return { artifactId: id };
}

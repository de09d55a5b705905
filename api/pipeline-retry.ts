import type { ArtifactStore } from '../artifacts/store.js';
import { ServiceError } from '../contract/errors.js';
import { isOutsideSource } from '../contract/pipeline.js';
import type { ArtifactRow } from '../store/artifacts.js';
import type { StepRow } from '../store/pipeline-row.js';
import type { Pipelines } from '../store/pipelines.js';
import type { StepFiles } from '../store/step-files.js';
import { type Product, productOfFile } from './pipeline-plan.js';
import { inStep, type WantedStep } from './pipeline-request.js';
import type { PrepareDeps } from './prepare.js';
import { findSource } from './source-video.js';
import { readKept, withImages } from './step-images.js';

type Deps = PrepareDeps & {
  store: ArtifactStore;
  pipelines: Pick<Pipelines, 'filesOf'>;
  stepFiles: Pick<StepFiles, 'find'>;
};
type Again = { rows: readonly StepRow[]; edited: readonly WantedStep[] };

/** Which steps run again, each as it was or as it is now, and with them all others, to be held against the rules. */
export async function wantedAgain(deps: Deps, { rows, edited }: Again) {
  for (const step of edited) {
    await inStep(step, () => {
      const row = rows.find(({ name }) => name === step.name);
      const errors = (message: string) => ({ detail: message, errors: [{ field: 'name', message }] });
      if (!row) throw new ServiceError('request_invalid', errors(`no step is named ${step.name}`));
      if (row.state === 'succeeded') throw new ServiceError('request_invalid', errors('has succeeded and is kept'));
      if (edited.filter(({ name }) => name === step.name).length > 1) {
        throw new ServiceError('request_invalid', errors('is named twice'));
      }
    });
  }
  const files = await deps.pipelines.filesOf(rows[0]?.pipeline_id ?? '');
  const all = await Promise.all(
    rows.map(async (row) => edited.find(({ name }) => name === row.name) ?? wantedOf(deps, { row, files })),
  );
  const toRun = all.filter((_, index) => rows[index]?.state !== 'succeeded');
  return { all, toRun };
}

/** What the steps have left behind that are kept, and the files from outside that the pipeline has held for the others. */
export async function keptProducts(
  deps: Deps,
  { rows, workspaceId }: { rows: readonly StepRow[]; workspaceId: string },
): Promise<Map<string, Product>> {
  const pipelineId = rows[0]?.pipeline_id ?? '';
  const products = await heldProducts(deps, { pipelineId, rows });
  const files = await deps.pipelines.filesOf(pipelineId);
  // Sources stand anywhere, so approvals come last: what they hand on is known by then.
  const kept = rows.filter(({ state }) => state === 'succeeded');
  for (const row of kept) {
    if (row.job_id !== null) {
      const found = await findSource(deps, { text: row.job_id, workspaceId, field: row.name });
      products.set(row.name, { videos: [found] });
      continue;
    }
    const file = files.find(({ id }) => id === row.artifact_id);
    if (file) products.set(row.name, productOfFile(file));
  }
  for (let left = kept.filter(({ name }) => !products.has(name)); left.length > 0; ) {
    const ready = left.filter(
      ({ definition: { source } }) => source === undefined || !left.some(({ name }) => name === source),
    );
    for (const { name, definition } of ready) products.set(name, products.get(definition.source ?? ''));
    left = left.filter((row) => !ready.includes(row));
    if (ready.length === 0) break;
  }
  return products;
}

/** Their callers may have deleted them since. */
async function heldProducts(
  { stepFiles }: Deps,
  { pipelineId, rows }: { pipelineId: string; rows: readonly StepRow[] },
): Promise<Map<string, Product>> {
  const products = new Map<string, Product>();
  const left = rows.filter(({ state }) => state !== 'succeeded').map(({ definition }) => definition);
  const named = left.flatMap(({ source = '', sources = [] }) => [source, ...sources]).filter(isOutsideSource);
  for (const source of new Set(named)) {
    const { jobId, file } = await stepFiles.find({ pipelineId, source });
    if (jobId === null && file?.is_kept) products.set(source, productOfFile(file));
  }
  return products;
}

async function wantedOf(
  { store }: Deps,
  { row, files }: { row: StepRow; files: readonly ArtifactRow[] },
): Promise<WantedStep> {
  const { name, kind, definition, state } = row;
  const { request, ...rest } = definition;
  const wordFor = (field: string) => field;
  const step = { name, kind, ...rest, path: `steps[${row.position}]`, wordFor };
  // A step that is kept is not prepared again, so nobody needs its images.
  if (!request || state === 'succeeded') return step;
  const imageOf = (id: string) =>
    readKept(
      store,
      files.find((file) => file.id === id),
      'An image of the step',
    );
  return { ...step, request: await inStep(step, () => withImages(request, imageOf)) };
}

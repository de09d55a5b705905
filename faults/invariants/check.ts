import { setTimeout as pause } from 'node:timers/promises';
import { checkLedger } from '../../store/ledger-check.js';
import { eventually } from '../patience.js';
import { killWorker } from '../processes.js';
import type { Checks } from '../run.js';
import type { World } from '../world.js';
import { checkJobs } from './check-jobs.js';
import { checkPipelines } from './check-pipelines.js';
import { checkConnections } from './connections.js';
import { checkFiles } from './files.js';
import { checkSecrets } from './secrets.js';
import type { Violation } from './violation.js';

const TIDIED_WITHIN_MS = 60_000;

/** Everything that is checked of a world; files younger than the grace may belong to a step under way. */
export function checksOf(world: World, { filesGraceMs }: { filesGraceMs: number }): Checks {
  return {
    ofJobs: (jobs) => checkJobs(world, jobs),
    ofPipelines: (pipelines) => checkPipelines(world, pipelines),
    ofWhole: (anId) => checkWhole(world, { filesGraceMs, anId }),
  };
}

/** What does not hold of the whole: the ledger, the files, the logs and histories. */
async function checkWhole(world: World, { filesGraceMs, anId }: { filesGraceMs: number; anId?: string }) {
  const { database, artifactsDir, clipsDir, canaries } = world;
  const money = await checkLedger(database);
  await tidy(world, filesGraceMs);
  const checkAll = () => checkFiles({ database, artifactsDir, clipsDir, graceMs: filesGraceMs });
  const isTidy = async () => ((await checkAll()).length === 0 ? true : undefined);
  const files = (await eventually(isTidy, { withinMs: TIDIED_WITHIN_MS, everyMs: 1_000 })) ? [] : await checkAll();
  const secrets = checkSecrets({ home: world.stack().home, canaries, anId });
  const unbalanced = money.map(
    ({ rule, jobId, attempt, account, expectedMicros, foundMicros }): Violation => ({
      invariant: 'I3',
      subject: jobId,
      what: `${rule}${account ? ` of ${account}` : ''}${attempt ? `, attempt ${attempt}` : ''}: ${foundMicros}, not ${expectedMicros}`,
    }),
  );
  const connections = checkConnections({ home: world.stack().home, openPorts: world.openPorts });
  return [...unbalanced, ...files, ...secrets, ...connections];
}

/** What dead processes left half-written is removed when a worker starts and has become old enough. */
async function tidy(world: World, graceMs: number): Promise<void> {
  await pause(graceMs);
  await killWorker(world);
}

import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { listReleases, makeCurrent, unpin } from '../runtime/releases.js';
import { table } from './table.js';

type Deps = {
  openTemporal: () => Client;
  /** What the workers' builds are known by together, and this one alone. */
  deployment: string;
  buildId: string;
  show: (value: unknown, text: () => string) => void;
};

/** The verbs for builds of the workers. They mean something where worker versioning is switched on. */
export function addReleaseVerbs(program: Command, { openTemporal, deployment: name, buildId, show }: Deps): void {
  const release = program.command('release').description('which build of the workers gets which jobs');
  release
    .command('list')
    .description('the builds whose workers have come, and where each stands')
    .action(async () => {
      const releases = await listReleases({ client: openTemporal(), name });
      show(releases, () => {
        if (releases.length === 0) return `No worker of the deployment ${name} has come with versioning switched on.`;
        const lines = releases.map((one) => [one.buildId, one.status, one.open, one.currentSince]);
        return table(['build', 'status', 'open', 'current since'], lines);
      });
    });
  release
    .command('current')
    .argument('[build-id]', 'left out, the build that this command belongs to', buildId)
    .description('give new jobs, and running ones that are not pinned, to this build')
    .action(async (chosen: string) => {
      await makeCurrent({ client: openTemporal(), name }, chosen);
      show({ deployment: name, current: chosen }, () => `${chosen} is current`);
    });
  release
    .command('unset')
    .description('give them back to workers without versioning')
    .action(async () => {
      await makeCurrent({ client: openTemporal(), name }, '');
      show({ deployment: name, current: null }, () => 'no build is current');
    });
  release
    .command('unpin <build-id>')
    .description('let the jobs that are pinned to a build go on with the current one')
    .action(async (left: string) => {
      const moved = await unpin({ client: openTemporal(), name }, left);
      show({ deployment: name, left, moved }, () => `${moved} unpinned from ${left}`);
    });
}

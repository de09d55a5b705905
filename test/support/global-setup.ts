import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';

declare global {
  /** The process that runs this run's services, for the teardown. */
  var testServices: ChildProcess | undefined;
}

/**
 * One PostgreSQL, with the migrated database `reelay_template` to clone, and one Temporal server for the whole run. They belong to a
 * process of their own, so that they go when this one is killed.
 */
export default async function startServices({ rootDir }: { rootDir: string }): Promise<void> {
  // Usually done by `npm test` before; whoever starts Jest by hand gets a current build, too.
  execFileSync(process.execPath, [join(rootDir, 'standalone', 'setup.mjs'), 'build'], { stdio: 'inherit' });
  const child = spawn(process.execPath, [join(rootDir, 'dist', 'standalone', 'test-services.js')], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  globalThis.testServices = child;
  const addresses = await new Promise<{ databaseUrl: string; temporalAddress: string }>((resolve, reject) => {
    child.once('message', (message: { databaseUrl: string; temporalAddress: string }) => resolve(message));
    child.once('exit', (code) => reject(new Error(`the services for the tests ended with code ${code}`)));
  });
  process.env.TEST_DATABASE_URL = addresses.databaseUrl;
  process.env.TEST_TEMPORAL_ADDRESS = addresses.temporalAddress;
}

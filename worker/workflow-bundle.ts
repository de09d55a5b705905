import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { findProjectRoot } from '../runtime/root.js';

const versionSchema = z.object({ version: z.string() });
const bundleSchema = z.object({ sdkVersion: z.string() });

/** The workflows as the build bundled them. Refuses those of another SDK version: they misbehave at run time, and silently. */
export function findWorkflowBundle(): { codePath: string } {
  const folder = join(findProjectRoot(), 'dist');
  const { sdkVersion } = bundleSchema.parse(readJson(join(folder, 'workflow-bundle.json')));
  const manifest = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
  const { version } = versionSchema.parse(readJson(manifest));
  if (sdkVersion !== version) {
    throw new Error(`the workflow bundle is of SDK ${sdkVersion}, this worker of ${version}: build again`);
  }
  return { codePath: join(folder, 'workflow-bundle.js') };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

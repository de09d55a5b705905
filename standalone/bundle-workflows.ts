import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** Bundles the compiled workflows once per build: a worker that bundles for itself needs two seconds longer to start. */
const folder = process.argv[2];
if (!folder) throw new Error('usage: bundle-workflows.js <folder of the compiled sources>');

const { code } = await bundleWorkflowCode({
  workflowsPath: join(folder, 'workflows', 'index.js'),
  logger: new DefaultLogger('WARN'),
});
writeFileSync(join(folder, 'workflow-bundle.js'), code);

// A bundle made by another version of the SDK misbehaves at run time; the version beside it lets a worker refuse it.
const manifest = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
writeFileSync(join(folder, 'workflow-bundle.json'), `${JSON.stringify({ sdkVersion: version })}\n`);

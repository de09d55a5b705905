import { Router } from 'express';
import type { Callbacks } from './callbacks.js';
import { createCalls } from './calls.js';
import type { Files } from './files.js';
import { readForm } from './forms.js';
import { createFurtherCalls } from './further-calls.js';
import type { Ledger } from './ledger.js';
import type { Scripts } from './scripts.js';
import type { Tasks } from './tasks.js';
import type { Vendor } from './vendor.js';

type Deps = { vendor: Vendor; tasks: Tasks; scripts: Scripts; ledger: Ledger; callbacks: Callbacks; files: Files };

/** All that one vendor answers, below the prefix of an account. */
export function createVendorRouter({ files, ...deps }: Deps): Router {
  const { vendor } = deps;
  const { submit, look, other } = createCalls(deps);
  const { list, remove, content } = createFurtherCalls({ ...deps, files });
  const router = Router({ mergeParams: true });

  if (vendor.takesForms) router.use(readForm);
  for (const { path, read } of vendor.submits) router.post(path, submit(read));
  for (const { method, path, taskOf } of vendor.looks) router[method](path, look(taskOf));
  if (vendor.list) router.get(vendor.list.path, list(vendor.list));
  if (vendor.remove) router.delete(vendor.remove.path, remove(vendor.remove));
  if (vendor.content) router.get(vendor.content.path, content(vendor.content));
  router.get('/files/:file', files.atAddress);
  router.use(other);
  return router;
}

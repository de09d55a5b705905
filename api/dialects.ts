import { createNativeDialect } from './dialects/native/routes.js';
import { createPixazoDialect } from './dialects/pixazo/routes.js';
import type { Dialect, DialectDeps } from './middleware/dialect.js';

/** Every API that is spoken here. Where one's prefix begins another's, the longer one stands first. */
export function createDialects(deps: DialectDeps): Dialect[] {
  return [createPixazoDialect(deps), createNativeDialect(deps)];
}

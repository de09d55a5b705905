import { apixoDescription } from './dialects/apixo/openapi.js';
import { createApixoDialect } from './dialects/apixo/routes.js';
import { globalaiopcDescription } from './dialects/globalaiopc/openapi.js';
import { createGlobalaiopcDialect } from './dialects/globalaiopc/routes.js';
import { nativeDescription } from './dialects/native/openapi.js';
import { createNativeDialect } from './dialects/native/routes.js';
import { openaiDescription } from './dialects/openai/openapi.js';
import { createOpenaiDialect } from './dialects/openai/routes.js';
import { pixazoDescription } from './dialects/pixazo/openapi.js';
import { createPixazoDialect } from './dialects/pixazo/routes.js';
import type { DialectDescription } from './middleware/description.js';
import type { Dialect, DialectDeps } from './middleware/dialect.js';

/** Every API that is spoken here. Where one's prefix begins another's, the longer one stands first. */
export function createDialects(deps: DialectDeps): Dialect[] {
  return [
    createPixazoDialect(deps),
    createGlobalaiopcDialect(deps),
    createOpenaiDialect(deps),
    createApixoDialect(deps),
    createNativeDialect(deps),
  ];
}

/** What `/openapi.json` tells of each, in the order of the page; known without a database or anything else that the routes need. */
export const dialectDescriptions: readonly DialectDescription[] = [
  nativeDescription,
  pixazoDescription,
  apixoDescription,
  globalaiopcDescription,
  openaiDescription,
];

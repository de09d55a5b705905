import { apixoDescription } from './dialects/apixo/openapi.js';
import { createApixoDialect } from './dialects/apixo/routes.js';
import { apixoWebhook } from './dialects/apixo/webhook.js';
import { globalaiopcDescription } from './dialects/globalaiopc/openapi.js';
import { createGlobalaiopcDialect } from './dialects/globalaiopc/routes.js';
import { globalaiopcWebhook } from './dialects/globalaiopc/webhook.js';
import { nativeDescription } from './dialects/native/openapi.js';
import { createNativeDialect } from './dialects/native/routes.js';
import { nativeWebhook } from './dialects/native/webhook.js';
import { openaiDescription } from './dialects/openai/openapi.js';
import { createOpenaiDialect } from './dialects/openai/routes.js';
import { openaiWebhook } from './dialects/openai/webhook.js';
import { pixazoDescription } from './dialects/pixazo/openapi.js';
import { createPixazoDialect } from './dialects/pixazo/routes.js';
import { pixazoWebhook } from './dialects/pixazo/webhook.js';
import type { DialectDescription } from './middleware/description.js';
import type { Dialect, DialectDeps } from './middleware/dialect.js';
import type { DialectWebhook } from './middleware/webhook-body.js';

/** Every API that is spoken here, the one that is asked most first. */
export function createDialects(deps: DialectDeps): Dialect[] {
  return [
    createNativeDialect(deps),
    createPixazoDialect(deps),
    createGlobalaiopcDialect(deps),
    createOpenaiDialect(deps),
    createApixoDialect(deps),
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

/** How each tells the address that a job was made with of its end, by the name under which jobs are stored. */
export const webhookWords: Readonly<Record<string, DialectWebhook>> = {
  native: nativeWebhook,
  pixazo: pixazoWebhook,
  apixo: apixoWebhook,
  globalaiopc: globalaiopcWebhook,
  openai: openaiWebhook,
};

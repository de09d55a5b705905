import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { bearerScheme } from './middleware/description.js';
import { allowOnly } from './middleware/errors.js';
import type { OpenApiDocument } from './openapi.js';

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Reelay API</title>
    <link rel="icon" href="data:,">
  </head>
  <body>
    <div id="reference"></div>
    <script src="/docs/reference.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

/** In a file of its own because the page runs no inline script. Nothing here asks anybody but us: no proxy, no fonts, no assistant. */
const start = `Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  proxyUrl: '',
  withDefaultFonts: false,
  agent: { disabled: true },
  telemetry: false,
  showDeveloperTools: 'never',
  hideClientButton: true,
  authentication: { preferredSecurityScheme: '${bearerScheme.name}' },
});
`;

const readThePage = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    connectSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'", 'data:'],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
});

/** The description of the api, for programs and for people. */
export function createDocsRoutes(document: OpenApiDocument): Router {
  const router = Router();
  const referencePath = createRequire(import.meta.url).resolve('@scalar/api-reference/browser/standalone.js');

  router
    .route('/openapi.json')
    .get(serve({ type: 'application/json', text: JSON.stringify(document) }))
    .all(allowOnly('GET'));
  router
    .route('/')
    .get((_request, response) => response.redirect('/docs'))
    .all(allowOnly('GET'));
  router
    .route('/docs')
    .get(readThePage, serve({ type: 'text/html', text: page }))
    .all(allowOnly('GET'));
  router
    .route('/docs/start.js')
    .get(serve({ type: 'text/javascript', text: start }))
    .all(allowOnly('GET'));
  router
    .route('/docs/reference.js')
    .get((_request, response) => response.sendFile(referencePath, { maxAge: '1 day' }))
    .all(allowOnly('GET'));
  return router;
}

/** A text that stays the same until the next release: kept for five minutes, and after that only asked about. */
function serve({ type, text }: { type: string; text: string }): RequestHandler {
  const headers = {
    'Content-Type': `${type}; charset=utf-8`,
    'Cache-Control': 'public, max-age=300',
    ETag: `"${createHash('sha256').update(text).digest('hex')}"`,
  };
  return (_request, response) => {
    response.set(headers).send(text);
  };
}

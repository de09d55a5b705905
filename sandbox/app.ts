import { createServer } from 'node:http';
import express, { type ErrorRequestHandler, type Request } from 'express';
import { z } from 'zod';
import type { MediaProcess } from '../media/process.js';
import type { Logger } from '../runtime/logger.js';
import { createCallbacks } from './callbacks.js';
import { createClips } from './clips.js';
import { createControl } from './control.js';
import { createFiles } from './files.js';
import { canUseImages } from './images.js';
import { createLedger } from './ledger.js';
import { createScripts } from './scripts.js';
import { createTasks } from './tasks.js';
import { commonRefusals, type Vendor } from './vendor.js';
import { createVendorRouter } from './vendor-router.js';
import { apixo } from './vendors/apixo.js';
import { globalaiopc } from './vendors/globalaiopc.js';
import { omixa } from './vendors/omixa.js';
import { openai } from './vendors/openai.js';
import { pixazo } from './vendors/pixazo.js';

const vendors: ReadonlyMap<string, Vendor> = new Map([
  ['omixa', omixa],
  ['apixo', apixo],
  ['pixazo', pixazo],
  ['globalaiopc', globalaiopc],
  ['openai', openai],
]);
const MAX_BODY = '64mb';
const KEEP_ALIVE_MS = 60_000;

export type SandboxSettings = {
  media: MediaProcess;
  logger: Logger;
  clipsDir: string;
  /** 0 finishes every task at once. */
  speed: number;
  sharesClips?: boolean;
  hasEtags?: boolean;
};

/**
 * Stands in for the vendors over real HTTP. An account is a prefix of the path: `/omixa`, `/omixa-2`, `/apixo`, `/pixazo`, `/globalaiopc`,
 * `/openai`; each further `-<number>` is another account of that vendor.
 */
export function createSandbox(settings: SandboxSettings) {
  const { media, logger, clipsDir, speed, sharesClips = false, hasEtags = true } = settings;
  let baseUrl = '';
  const ledger = createLedger();
  const scripts = createScripts();
  const clips = createClips({ media, folder: clipsDir });
  const tasks = createTasks({ clips, logger, speed, sharesClips, canUseImages, baseUrl: () => baseUrl });
  const callbacks = createCallbacks({ tasks, ledger, scripts });

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json({ limit: MAX_BODY }));
  app.use('/_sandbox', createControl({ tasks, scripts, ledger, callbacks }));
  const files = createFiles({ tasks, scripts, ledger, hasEtags });
  for (const vendor of vendors.values()) {
    const router = createVendorRouter({ vendor, tasks, scripts, ledger, callbacks, files });
    app.use('/:account', (request, response, next) => {
      if (vendorOf(request) === vendor) router(request, response, next);
      else next();
    });
  }
  app.use((request, response) => void response.status(404).json({ error: `no vendor is at ${request.path}` }));
  app.use(refuse);

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, app);
  return {
    /** Resolves with the address; port 0 takes a free one. */
    async listen({ host = '127.0.0.1', port }: { host?: string; port: number }): Promise<string> {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      const address = server.address();
      const listensOn = typeof address === 'object' && address ? address.port : port;
      baseUrl = `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${listensOn}`;
      return baseUrl;
    },
    async close(): Promise<void> {
      callbacks.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function vendorOf({ params }: Request): Vendor | undefined {
  return vendors.get(String(params.account).replace(/-\d+$/, ''));
}

/** What a route could not read: in the vendor's own shape where a vendor was called. */
const refuse: ErrorRequestHandler = (error: unknown, request, response, next) => {
  const vendor = vendors.get((request.path.split('/')[1] ?? '').replace(/-\d+$/, ''));
  const isUnreadable = error instanceof SyntaxError;
  if (response.headersSent) next(error);
  else if (vendor) vendor.sendError(response, isUnreadable ? commonRefusals.unreadable : commonRefusals.internal);
  else if (error instanceof z.ZodError) response.status(400).json({ error: z.prettifyError(error) });
  else if (isUnreadable) response.status(400).json({ error: 'the body is not JSON' });
  else next(error);
};

import { createServer, type Server } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type Response } from 'express';
import { z } from 'zod';
import type { MediaProcess } from '../media/process.js';
import type { Logger } from '../runtime/logger.js';
import { createCalls } from './calls.js';
import { createClips } from './clips.js';
import { createControl } from './control.js';
import { createFiles } from './files.js';
import { createLedger } from './ledger.js';
import { createScripts } from './scripts.js';
import { createTasks } from './tasks.js';
import type { Vendor } from './vendor.js';
import { apixo } from './vendors/apixo.js';
import { omixa } from './vendors/omixa.js';

const vendors: ReadonlyMap<string, Vendor> = new Map([
  ['omixa', omixa],
  ['apixo', apixo],
]);
const MAX_BODY = '64mb';
const KEEP_ALIVE_MS = 60_000;

type Settings = { media: MediaProcess; logger: Logger; clipsDir: string; speed: number };

/**
 * Stands in for the vendors over real HTTP. An account is a prefix of the path: `/omixa`, `/omixa-2`, `/apixo`; each further
 * `-<number>` is another account of that vendor.
 */
export function createSandbox({ media, logger, clipsDir, speed }: Settings) {
  let baseUrl = '';
  const ledger = createLedger();
  const scripts = createScripts();
  const clips = createClips({ media, folder: clipsDir });
  const tasks = createTasks({ clips, logger, speed, baseUrl: () => baseUrl });

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json({ limit: MAX_BODY }));
  app.use('/_sandbox', createControl({ tasks, scripts, ledger }));
  for (const [name, vendor] of vendors) {
    const { submit, look } = createCalls({ vendor, tasks, scripts, ledger });
    const isAccount = (request: Request) => new RegExp(`^${name}(-\\d+)?$`).test(String(request.params.account));
    const forAccount =
      (handle: (request: Request, response: Response) => void) =>
      (request: Request, response: Response, next: () => void) =>
        isAccount(request) ? handle(request, response) : next();
    app.post(`/:account${vendor.paths.submit}`, forAccount(submit));
    app.get(`/:account${vendor.paths.look}`, forAccount(look));
    app.post(`/:account${vendor.paths.look}`, forAccount(look));
  }
  app.get('/:account/files/:file', createFiles({ tasks, scripts, ledger }));
  app.use(refuseBadControl);

  const server: Server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, app);
  return {
    async listen({ host = '127.0.0.1', port }: { host?: string; port: number }): Promise<string> {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      const address = server.address();
      baseUrl = `http://${host}:${typeof address === 'object' && address ? address.port : port}`;
      return baseUrl;
    },
    async close(): Promise<void> {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const refuseBadControl: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) next(error);
  else if (error instanceof z.ZodError) response.status(400).json({ error: z.prettifyError(error) });
  else if (error instanceof SyntaxError) response.status(400).json({ error: 'the body is not JSON' });
  else next(error);
};

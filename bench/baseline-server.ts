import { randomUUID } from 'node:crypto';
import express from 'express';
import helmet from 'helmet';
import { bearer, createAuthentication } from '../api/middleware/authenticate.js';
import { createJsonBody } from '../api/middleware/json-body.js';
import { createRequestLog } from '../api/middleware/log-requests.js';
import { createRateLimit } from '../api/middleware/rate-limit.js';
import { startServer } from '../api/server.js';
import { createLogger } from '../runtime/logger.js';
import { createDatabase } from '../store/database.js';
import { createWorkspaces } from '../store/workspaces.js';

/** The limit for the API's figures: the same middleware, then one INSERT transaction, or one row read. */
const databaseUrl = process.env.DATABASE_URL;
if (!databaseUrl) throw new Error('DATABASE_URL is not set');
const database = createDatabase(databaseUrl);
const workspaces = createWorkspaces(database);
const insert = { name: 'bench_insert', text: 'insert into bench_rows (id, body) values ($1, $2)' };
const read = { name: 'bench_read', text: 'select * from bench_rows where id = $1' };

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use(createRequestLog(createLogger('baseline', 'info')));
app.use(helmet());
const guarded = [createAuthentication((secret) => workspaces.authenticate(secret))(bearer), createRateLimit()];
app.post(
  '/rows',
  guarded,
  createJsonBody({ maxBytes: 1_000_000 }),
  async (request: express.Request, response: express.Response) => {
    const id = randomUUID();
    await database.transaction((run) => run(insert, [id, JSON.stringify(request.body ?? {})]));
    response.status(202).json({ id });
  },
);
app.get('/rows/:id', guarded, async (request: express.Request, response: express.Response) => {
  const [row] = await database.run(read, [request.params.id]);
  response.json(row);
});

const server = await startServer(app, { host: '127.0.0.1', port: 0 });
process.on('disconnect', () => process.exit(0));
process.send?.({ url: server.url });

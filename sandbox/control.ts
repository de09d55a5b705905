import { Router } from 'express';
import { z } from 'zod';
import type { Callbacks } from './callbacks.js';
import { calls, countsOf, type Ledger } from './ledger.js';
import { type Scripts, scriptSchema } from './scripts.js';
import type { Tasks } from './tasks.js';

type Deps = { tasks: Tasks; scripts: Scripts; ledger: Ledger; callbacks: Callbacks };

const ledgerFilterSchema = z.strictObject({
  account: z.string().optional(),
  prompt_includes: z.string().optional(),
  call: z.enum(calls).optional(),
});
const speedSchema = z.strictObject({
  speed: z.union([z.number().nonnegative(), z.literal('instant').transform(() => 0)]),
});

const webhookSchema = z.strictObject({ account: z.string(), url: z.url(), secret: z.string().startsWith('whsec_') });

/** For tests and for people at the console: what was received, what is to go wrong, how fast time passes. */
export function createControl({ tasks, scripts, ledger, callbacks }: Deps): Router {
  const router = Router();
  router.get('/health', (_, response) => void response.json({ status: 'ok' }));
  router.get('/ledger', (request, response) => {
    const data = ledger.find(ledgerFilterSchema.parse(request.query));
    response.json({ data, counts: countsOf(data) });
  });
  router.get('/tasks', (_, response) => {
    const data = tasks.all().map((task) => {
      const standing = tasks.standing(task);
      const { id, account, prompt, operation, width, height, seconds, createdAtMs, doneAtMs = null } = task;
      const progress = 'progress' in standing ? standing.progress : 100;
      const shape = { operation, width, height, seconds };
      return { id, account, prompt, ...shape, state: standing.state, progress, createdAtMs, doneAtMs };
    });
    response.json({ data });
  });
  router.get('/scripts', (_, response) => void response.json({ data: scripts.waiting() }));
  router.post('/scripts', (request, response) => {
    const script = scriptSchema.parse(request.body);
    scripts.add(script);
    response.status(201).json(script);
  });
  router.delete('/scripts', (_, response) => {
    scripts.clear();
    response.status(204).end();
  });
  router.post('/webhooks', (request, response) => {
    callbacks.setWebhook(webhookSchema.parse(request.body));
    response.status(204).end();
  });
  router.post('/speed', (request, response) => {
    const { speed } = speedSchema.parse(request.body);
    tasks.setSpeed(speed);
    response.json({ speed });
  });
  router.use((request, response) => void response.status(404).json({ error: `nothing is at ${request.originalUrl}` }));
  return router;
}

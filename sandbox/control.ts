import { Router } from 'express';
import { z } from 'zod';
import type { Ledger } from './ledger.js';
import { type Scripts, scriptSchema } from './scripts.js';
import type { Tasks } from './tasks.js';

type Deps = { tasks: Tasks; scripts: Scripts; ledger: Ledger };

const ledgerFilterSchema = z.strictObject({
  account: z.string().optional(),
  prompt_includes: z.string().optional(),
  call: z.enum(['submit', 'look', 'download']).optional(),
});
const speedSchema = z.strictObject({ speed: z.number().nonnegative() });

/** For tests and for people at the console: what was received, what is to go wrong, how fast time passes. */
export function createControl({ tasks, scripts, ledger }: Deps): Router {
  const router = Router();
  router.get('/health', (_, response) => void response.json({ status: 'ok' }));
  router.get(
    '/ledger',
    (request, response) => void response.json({ data: ledger.find(ledgerFilterSchema.parse(request.query)) }),
  );
  router.get('/tasks', (_, response) => {
    const data = tasks.all().map((task) => {
      const { id, account, prompt, createdAtMs, doneAtMs = null } = task;
      return { id, account, prompt, state: tasks.standing(task).state, createdAtMs, doneAtMs };
    });
    response.json({ data });
  });
  router.post('/scripts', (request, response) => {
    const script = scriptSchema.parse(request.body);
    scripts.add(script);
    response.status(201).json(script);
  });
  router.delete('/scripts', (_, response) => {
    scripts.clear();
    response.status(204).end();
  });
  router.post('/speed', (request, response) => {
    const { speed } = speedSchema.parse(request.body);
    tasks.setSpeed(speed);
    response.json({ speed });
  });
  return router;
}

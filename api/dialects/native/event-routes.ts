import { type Request, Router } from 'express';
import type { z } from 'zod';
import type { Job, JobEvent } from '../../jobs.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { requireScope } from '../../middleware/scopes.js';
import { jobAnswer } from './answers.js';
import { createEventHandler } from './event-handler.js';
import type { eventSchema } from './event-schemas.js';

type EventAnswer = z.infer<typeof eventSchema>;

/** What happened to a job: as a page, or as it happens. */
export function createEventRoutes({ jobs, authenticate, limitRate }: DialectDeps): Router {
  const router = Router();
  const eventsPath = router.route('/videos/jobs/:id/events');
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  eventsPath.get(reading, createEventHandler({ events: jobs.events, read: jobs.get, answer }));
  eventsPath.all(allowOnly('GET'));
  return router;

  function answer(event: JobEvent, job: Job | undefined, request: Request<unknown>): EventAnswer {
    const { subjectId, sequence, type, createdAt, data } = event;
    const temporalLink = jobs.temporalLink(subjectId, callerOf(request));
    const shown = job && jobAnswer(job, { showsQueued: true, publicUrl: jobs.publicUrl, temporalLink });
    return { job_id: subjectId, sequence, type, created_at: createdAt, data, ...(shown && { job: shown }) };
  }
}

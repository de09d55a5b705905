import { type Request, type Response, Router } from 'express';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import {
  deliveryAnswer,
  deliveryWithTriesAnswer,
  endpointAnswer,
  endpointWithSecretAnswer,
} from './webhook-answers.js';
import {
  deliveryListSchema,
  endpointChangesSchema,
  newEndpointSchema,
  resendSchema,
  rotationSchema,
} from './webhook-schemas.js';

type OfOne = { id: string };

/** Who is told of what happens, and how that went. */
export function createWebhookRoutes(deps: DialectDeps): Router {
  const router = Router();
  router.use('/videos/webhooks', createEndpointRoutes(deps), createDeliveryRoutes(deps));
  return router;
}

function createEndpointRoutes({ webhooks, authenticate, limitRate, readJson }: DialectDeps): Router {
  const router = Router();
  const allowed = [authenticate(bearer), limitRate, requireScope('webhooks:write')];

  const endpointsPath = router.route('/endpoints');
  endpointsPath.post(allowed, readJson, async (request: Request, response: Response) => {
    const { url, description = '', event_types: eventTypes = null } = parseRequest(newEndpointSchema, request.body);
    const endpoint = await webhooks.createEndpoint({ url, description, eventTypes }, callerOf(request));
    response.status(201).json(endpointWithSecretAnswer(endpoint));
  });
  endpointsPath.get(allowed, async (request: Request, response: Response) => {
    const endpoints = await webhooks.listEndpoints(callerOf(request));
    response.json({ object: 'list', data: endpoints.map(endpointAnswer) });
  });
  endpointsPath.all(allowOnly('GET', 'POST'));

  const endpointPath = router.route('/endpoints/:id');
  endpointPath.get(allowed, async (request: Request<OfOne>, response: Response) => {
    response.json(endpointAnswer(await webhooks.findEndpoint(request.params.id, callerOf(request))));
  });
  endpointPath.patch(allowed, readJson, async (request: Request<OfOne>, response: Response) => {
    const {
      event_types: eventTypes,
      disabled: isDisabled,
      ...same
    } = parseRequest(endpointChangesSchema, request.body);
    const changes = { ...same, eventTypes, isDisabled };
    response.json(endpointAnswer(await webhooks.updateEndpoint(request.params.id, changes, callerOf(request))));
  });
  endpointPath.delete(allowed, async (request: Request<OfOne>, response: Response) => {
    await webhooks.removeEndpoint(request.params.id, callerOf(request));
    response.status(204).end();
  });
  endpointPath.all(allowOnly('GET', 'PATCH', 'DELETE'));

  const rotatePath = router.route('/endpoints/:id/secret/rotate');
  rotatePath.post(allowed, readJson, async (request: Request<OfOne>, response: Response) => {
    const { overlap_seconds: overlapSeconds } = parseRequest(rotationSchema, request.body ?? {});
    const endpoint = await webhooks.rotateSecret(request.params.id, { overlapSeconds }, callerOf(request));
    response.json(endpointWithSecretAnswer(endpoint));
  });
  rotatePath.all(allowOnly('POST'));

  const testPath = router.route('/endpoints/:id/test');
  testPath.post(allowed, async (request: Request<OfOne>, response: Response) => {
    const delivery = await webhooks.testEndpoint(request.params.id, callerOf(request));
    response.status(202).json(deliveryAnswer(delivery));
  });
  testPath.all(allowOnly('POST'));

  const resendPath = router.route('/endpoints/:id/resend');
  resendPath.post(allowed, readJson, async (request: Request<OfOne>, response: Response) => {
    const { since, include_delivered: includesDelivered } = parseRequest(resendSchema, request.body);
    const asked = { since, includesDelivered };
    const deliveries = await webhooks.resendSince(request.params.id, asked, callerOf(request));
    response.status(202).json({ object: 'webhook_resend', deliveries });
  });
  resendPath.all(allowOnly('POST'));

  return router;
}

function createDeliveryRoutes({ webhooks, authenticate, limitRate }: DialectDeps): Router {
  const router = Router();
  const allowed = [authenticate(bearer), limitRate, requireScope('webhooks:write')];

  const deliveriesPath = router.route('/deliveries');
  deliveriesPath.get(allowed, async (request: Request, response: Response) => {
    const { endpoint: endpointId, job: jobId, ...same } = parseRequest(deliveryListSchema, request.query);
    const page = await webhooks.listDeliveries({ ...same, endpointId, jobId }, callerOf(request));
    response.json({
      object: 'list',
      data: page.deliveries.map(deliveryAnswer),
      has_more: page.hasMore,
      next_cursor: page.hasMore ? (page.deliveries.at(-1)?.id ?? null) : null,
    });
  });
  deliveriesPath.all(allowOnly('GET'));

  const deliveryPath = router.route('/deliveries/:id');
  deliveryPath.get(allowed, async (request: Request<OfOne>, response: Response) => {
    const { delivery, tries } = await webhooks.findDelivery(request.params.id, callerOf(request));
    response.json(deliveryWithTriesAnswer(delivery, tries));
  });
  deliveryPath.all(allowOnly('GET'));

  const resendPath = router.route('/deliveries/:id/resend');
  resendPath.post(allowed, async (request: Request<OfOne>, response: Response) => {
    response.status(202).json(deliveryAnswer(await webhooks.resend(request.params.id, callerOf(request))));
  });
  resendPath.all(allowOnly('POST'));

  return router;
}

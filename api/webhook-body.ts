import type { WebhookEvent } from '../contract/webhooks.js';
import type { Jobs } from '../store/jobs.js';
import type { WebhookEndpoints } from '../store/webhook-endpoints.js';
import type { WebhookLog } from '../store/webhook-log.js';
import { pipelineAnswer } from './dialects/native/pipeline-answers.js';
import { nativeEvent, nativeWebhook } from './dialects/native/webhook.js';
import { deliveryAnswer, endpointAnswer } from './dialects/native/webhook-answers.js';
import { webhookWords } from './dialects.js';
import { type ViewSettings, viewOfJob } from './job-view.js';
import type { Pipeline } from './pipeline-view.js';

export type WebhookBodyDeps = ViewSettings & {
  jobs: Pick<Jobs, 'find'>;
  endpoints: Pick<WebhookEndpoints, 'find'>;
  findPipeline: (owned: { id: string; workspaceId: string }) => Promise<Pipeline | undefined>;
  log: Pick<WebhookLog, 'find'>;
};

/**
 * Makes the body of an event at the moment of a try: links in it are fresh, and what it tells of is as it is now. Undefined when that is
 * gone. An address that a job was made with is told in the words of that job's dialect, an endpoint of a workspace always in our own.
 */
export function createWebhookBody(deps: WebhookBodyDeps): (event: WebhookEvent) => Promise<string | undefined> {
  return async (event) => {
    const body = await bodyOf(event);
    return body === undefined ? undefined : JSON.stringify(body);
  };

  async function bodyOf(event: WebhookEvent): Promise<unknown> {
    const { workspaceId, subject } = event;
    const { id } = subject;
    switch (subject.kind) {
      case 'job':
        return bodyOfJob(event);
      case 'endpoint': {
        const endpoint = await deps.endpoints.find({ id, workspaceId });
        return endpoint && nativeEvent(event, endpointAnswer(endpoint));
      }
      case 'delivery': {
        const delivery = await deps.log.find({ id, workspaceId });
        return delivery && nativeEvent(event, deliveryAnswer(delivery));
      }
      case 'pipeline': {
        const pipeline = await deps.findPipeline({ id, workspaceId });
        return pipeline && nativeEvent(event, pipelineAnswer(pipeline, deps));
      }
    }
  }

  async function bodyOfJob(event: WebhookEvent): Promise<unknown> {
    const { subject, workspaceId } = event;
    const row = await deps.jobs.find({ id: subject.id, workspaceId });
    if (!row) return undefined;
    const words = (event.isCallback ? webhookWords[row.dialect] : undefined) ?? nativeWebhook;
    const { linkLifetimeSeconds = deps.linkLifetimeSeconds, bodyOf } = words;
    return bodyOf(viewOfJob(row, { ...deps, linkLifetimeSeconds }), event, deps);
  }
}

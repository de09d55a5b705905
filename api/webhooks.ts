import { faultOfOutsideAddress } from '../artifacts/outside-address.js';
import { fieldError, ServiceError } from '../contract/errors.js';
import type { WebhookDeliveryState, WebhookEventType } from '../contract/webhooks.js';
import type {
  NewWebhookEndpoint,
  WebhookEndpointChanges,
  WebhookEndpointRow,
  WebhookEndpoints,
} from '../store/webhook-endpoints.js';
import type { WebhookDeliveryRow, WebhookLog, WebhookTryRow } from '../store/webhook-log.js';
import type { Caller } from '../store/workspaces.js';

export type WebhookEndpoint = WebhookEndpointRow;
/** As it is told once, when its secret is new. */
export type WebhookEndpointWithSecret = WebhookEndpointRow & { secret: string };
export type WebhookDelivery = WebhookDeliveryRow;
export type WebhookTry = WebhookTryRow;

export type DeliveryListFilter = {
  endpointId?: string;
  jobId?: string;
  state?: WebhookDeliveryState;
  after?: string;
  limit: number;
};

export type WebhookApiDeps = {
  endpoints: WebhookEndpoints;
  log: WebhookLog;
  /** Ports of this machine that callers may name; for development. */
  allowLoopbackPorts: readonly number[];
  /** Tells the dispatcher that there is a delivery to start. */
  wakeDispatcher: () => void;
};

export type WebhookApi = ReturnType<typeof createWebhookApi>;

type NewEndpoint = Omit<NewWebhookEndpoint, 'workspaceId' | 'eventTypes'> & { eventTypes: WebhookEventType[] | null };
type Changes = Omit<WebhookEndpointChanges, 'eventTypes'> & { eventTypes?: WebhookEventType[] | null };

const suffix = '[0-7][0-9a-hjkmnp-tv-z]{25}';
const endpointIdPattern = new RegExp(`^we_${suffix}$`);
const deliveryIdPattern = new RegExp(`^dlv_${suffix}$`);

export const isEndpointId = (text: string): boolean => endpointIdPattern.test(text);
export const isDeliveryId = (text: string): boolean => deliveryIdPattern.test(text);

/** What a caller can do about being told. */
export function createWebhookApi({ endpoints, log, allowLoopbackPorts, wakeDispatcher }: WebhookApiDeps) {
  return {
    /** @throws `request_invalid` for an address that we would not call, and when the workspace has as many endpoints as it may */
    createEndpoint({ url, ...more }: NewEndpoint, { workspaceId }: Caller): Promise<WebhookEndpointWithSecret> {
      refuseInside(url);
      return endpoints.create({ workspaceId, url, ...more });
    },

    listEndpoints: ({ workspaceId }: Caller): Promise<WebhookEndpoint[]> => endpoints.list(workspaceId),

    findEndpoint,

    async updateEndpoint(id: string, changes: Changes, { workspaceId }: Caller): Promise<WebhookEndpoint> {
      if (changes.url !== undefined) refuseInside(changes.url);
      const updated = isEndpointId(id) ? await endpoints.update({ id, workspaceId }, changes) : undefined;
      return updated ?? refuseUnknown('webhook endpoint', id);
    },

    async removeEndpoint(id: string, { workspaceId }: Caller): Promise<void> {
      const isRemoved = isEndpointId(id) && (await endpoints.remove({ id, workspaceId }));
      if (!isRemoved) refuseUnknown('webhook endpoint', id);
    },

    async rotateSecret(
      id: string,
      overlap: { overlapSeconds: number },
      { workspaceId }: Caller,
    ): Promise<WebhookEndpointWithSecret> {
      const rotated = isEndpointId(id) ? await endpoints.rotateSecret({ id, workspaceId }, overlap) : undefined;
      return rotated ?? refuseUnknown('webhook endpoint', id);
    },

    /** Sends an event now, by the same road as any other. @throws `not_found`, `webhook_disabled` */
    async testEndpoint(id: string, caller: Caller): Promise<WebhookDelivery> {
      await findOpenEndpoint(id, caller);
      const delivery = await log.queueTest({ id, workspaceId: caller.workspaceId });
      wakeDispatcher();
      return delivery;
    },

    listDeliveries: (filter: DeliveryListFilter, { workspaceId }: Caller) => log.page({ ...filter, workspaceId }),

    async findDelivery(id: string, caller: Caller): Promise<{ delivery: WebhookDelivery; tries: WebhookTry[] }> {
      const delivery = await findDelivery(id, caller);
      return { delivery, tries: await log.triesOf(id) };
    },

    /** Begins anew, also with what arrived or is under way. @throws `not_found`, `webhook_disabled` */
    async resend(id: string, caller: Caller): Promise<WebhookDelivery> {
      const { has_address: hasAddress } = await findDelivery(id, caller);
      if (!hasAddress) {
        throw new ServiceError('webhook_disabled', {
          detail: 'Its endpoint is disabled or deleted, or its job was deleted.',
        });
      }
      const delivery = await log.resend({ id, workspaceId: caller.workspaceId });
      wakeDispatcher();
      return delivery ?? refuseUnknown('webhook delivery', id);
    },

    /** Sends an endpoint again what it missed. @returns how many deliveries. @throws `not_found`, `webhook_disabled` */
    async resendSince(
      endpointId: string,
      asked: { since: Date; includesDelivered: boolean },
      caller: Caller,
    ): Promise<number> {
      await findOpenEndpoint(endpointId, caller);
      const resent = await log.resendSince({ endpointId, workspaceId: caller.workspaceId, ...asked });
      if (resent > 0) wakeDispatcher();
      return resent;
    },
  };

  async function findEndpoint(id: string, { workspaceId }: Caller): Promise<WebhookEndpoint> {
    const endpoint = isEndpointId(id) ? await endpoints.find({ id, workspaceId }) : undefined;
    return endpoint ?? refuseUnknown('webhook endpoint', id);
  }

  async function findOpenEndpoint(id: string, caller: Caller): Promise<WebhookEndpoint> {
    const endpoint = await findEndpoint(id, caller);
    if (endpoint.disabled_at) {
      throw new ServiceError('webhook_disabled', { detail: 'The endpoint is disabled: enable it first.' });
    }
    return endpoint;
  }

  async function findDelivery(id: string, { workspaceId }: Caller): Promise<WebhookDelivery> {
    const delivery = isDeliveryId(id) ? await log.find({ id, workspaceId }) : undefined;
    return delivery ?? refuseUnknown('webhook delivery', id);
  }

  function refuseInside(url: string): void {
    const fault = faultOfOutsideAddress(url, { allowLoopbackPorts });
    if (fault) throw fieldError('request_invalid', 'url', fault);
  }
}

function refuseUnknown(what: string, id: string): never {
  throw new ServiceError('not_found', { detail: `There is no ${what} ${id.slice(0, 100)}.` });
}

import type { FetchLimits, GuardedFetch } from '../artifacts/guarded-fetch.js';
import type { ArtifactStore } from '../artifacts/store.js';
import type { WebhookEvent } from '../contract/webhooks.js';
import type { MediaProcess } from '../media/process.js';
import type { Providers } from '../providers/registry.js';
import type { Logger } from '../runtime/logger.js';
import type { Artifacts } from '../store/artifacts.js';
import type { Attempts } from '../store/attempts.js';
import type { Orphans } from '../store/orphans.js';
import type { ProviderHealth } from '../store/provider-health.js';
import type { Settlement } from '../store/settlement.js';
import type { WebhookDeliveries } from '../store/webhook-deliveries.js';
import type { PipelineDeps } from './pipeline-deps.js';
import type { WebhookTargets } from './webhook-targets.js';

/** What activities work with; built once by the worker. */
export type ActivityDeps = {
  attempts: Attempts;
  artifacts: Artifacts;
  settlement: Settlement;
  providers: Providers;
  health: ProviderHealth;
  orphans: Orphans;
  store: ArtifactStore;
  fetchGuarded: GuardedFetch;
  media: MediaProcess;
  webhooks: {
    deliveries: WebhookDeliveries;
    /** What is told of an event, as of now; undefined when its subject is gone. */
    render: (event: WebhookEvent) => Promise<string | undefined>;
    targets: WebhookTargets;
  };
  pipelines: PipelineDeps;
  /** Something was queued that a workflow is to be started for. */
  wakeDispatcher: () => void;
  logger: Logger;
  /** The pause before the next look, stretched while very many jobs wait. */
  paceOfLooks: (intervalMs: number) => Promise<number>;
  /** The signed public address of an input, for providers that fetch images themselves; `undefined` where we have no public address. */
  inputAddress: ((artifactId: string) => string) | undefined;
  /** A new address at which an account calls back, and the secret in it; `undefined` where we have no public address. */
  callbackAddress: ((account: string) => { url: string; token: string }) | undefined;
  /** What an account bills for a second of a model, as the catalogue has it; 0 for a model that is not in it. */
  costMicrosPerSecond: (made: { account: string; upstreamModel: string }) => number;
  limits: { transfer: Omit<FetchLimits, 'deadlineMs'>; retentionDays: number; listedAfterMs: number };
};

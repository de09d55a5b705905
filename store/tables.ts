import type { ColumnType, Generated } from 'kysely';
import type { GenerationRequest } from '../contract/generation.js';
import type { JobPlan, UnknownPolicy } from '../contract/plan.js';
import type { ProviderTask, ResultFile } from '../contract/provider.js';
import type { ProviderFailure } from '../contract/provider-errors.js';
import type { AttemptState, Extension, JobPhase, JobState, ProviderCancel } from '../contract/states.js';
import type { WebhookDeliveryState, WebhookDisableReason, WebhookError, WebhookSubject } from '../contract/webhooks.js';

type Timestamp = Generated<Date>;
type Json<Value> = ColumnType<Value, string, string>;

export type JobsTable = {
  id: string;
  workspace_id: string;
  api_key_id: string;
  dialect: string;
  operation: GenerationRequest['operation'];
  model: string;
  request: Json<GenerationRequest>;
  plan: Json<JobPlan>;
  state: Generated<JobState>;
  phase: JobPhase | null;
  progress: number | null;
  provider: string;
  attempts: Generated<number>;
  last_sequence: Generated<number>;
  price_micros_per_second: number;
  held_micros: number;
  captured_micros: number | null;
  started_by: Generated<'caller' | 'pipeline'>;
  provider_cancel: ProviderCancel | null;
  extension: Extension | null;
  error_code: string | null;
  created_at: Timestamp;
  started_at: Date | null;
  finished_at: Date | null;
  claimed_until: Date | null;
  dispatched_at: Date | null;
  cancel_requested_at: Date | null;
  cancel_delivered_at: Date | null;
  callback_url: string | null;
  deleted_at: Date | null;
  swept_at: Date | null;
  pipeline_id: Generated<string | null>;
  pipeline_step: Generated<string | null>;
};

export type AttemptsTable = {
  job_id: string;
  number: number;
  account: string;
  upstream_model: string;
  attempt_key: string;
  state: AttemptState;
  task: ProviderTask | null;
  files: ResultFile[] | null;
  cost_micros: number;
  charged: 'yes' | 'no' | 'possibly';
  failure: ProviderFailure | null;
  intended_at: Timestamp;
  answered_at: Date | null;
  finished_at: Date | null;
  watched_at: Date | null;
  watch_ended_at: Date | null;
  resolution: Resolution | null;
  callback_token_sha256: Buffer | null;
  callback_at: Date | null;
  callback_task_id: string | null;
  callback_sha256: Buffer | null;
  callback_excerpt: string | null;
  callback_count: Generated<number>;
  callback_wakes_wanted: Generated<number>;
  callback_wakes_delivered: Generated<number>;
  callback_claimed_until: Date | null;
};

/** What an operator decided about an attempt of which nobody else can say what became of it. */
export type Resolution = 'accepted' | 'never_existed' | 'fail' | 'failover';

export type ArtifactsTable = {
  id: string;
  workspace_id: string;
  job_id: string | null;
  /** The step of a pipeline that it belongs to, where it is no job's. */
  pipeline_id: Generated<string | null>;
  pipeline_step: Generated<string | null>;
  role: 'input' | 'file' | 'video' | 'thumbnail' | 'spritesheet' | 'frame';
  variant: number | null;
  location: string;
  bytes: number;
  sha256: string;
  content_type: string;
  width: number | null;
  height: number | null;
  duration_seconds: number | null;
  frames_per_second: number | null;
  created_at: Timestamp;
  expires_at: Date;
  deleted_at: Date | null;
};

export type WebhookEndpointsTable = {
  id: string;
  workspace_id: string;
  url: string;
  description: Generated<string>;
  /** Null: every event. */
  event_types: string[] | null;
  secret: Generated<string>;
  previous_secret: string | null;
  previous_secret_until: Date | null;
  disabled_at: Date | null;
  disabled_because: WebhookDisableReason | null;
  created_at: Timestamp;
  updated_at: Timestamp;
  deleted_at: Date | null;
};

export type WebhookDeliveriesTable = {
  id: string;
  message_id: string;
  workspace_id: string;
  endpoint_id: string | null;
  url: string | null;
  state: Generated<WebhookDeliveryState>;
  attempts: Generated<number>;
  sending: Generated<number>;
  step: Generated<number>;
  next_attempt_at: Date | null;
  last_attempt_at: Date | null;
  last_status: number | null;
  last_error: WebhookError | null;
  created_at: Timestamp;
  ended_at: Date | null;
  claimed_until: Date | null;
  dispatched_at: Date | null;
  swept_at: Date | null;
};

export type WebhookTriesTable = {
  delivery_id: string;
  number: number;
  started_at: Date;
  duration_ms: number;
  status: number | null;
  error: WebhookError | null;
  detail: string | null;
  answer: Generated<string>;
};

export type Tables = {
  workspaces: {
    id: string;
    name: string;
    open_job_limit: Generated<number>;
    requests_per_minute: Generated<number>;
    cancel_charge: Generated<'none' | 'full'>;
    unknown_policy: Generated<UnknownPolicy>;
    created_at: Timestamp;
    webhook_secret: Generated<string>;
    webhook_previous_secret: string | null;
    webhook_previous_secret_until: Date | null;
  };
  api_keys: {
    id: string;
    workspace_id: string;
    name: Generated<string>;
    prefix: string;
    secret_sha256: Buffer;
    scopes: string[];
    created_at: Timestamp;
    expires_at: Date | null;
    revoked_at: Date | null;
    last_used_at: Date | null;
  };
  jobs: JobsTable;
  job_events: {
    job_id: string;
    sequence: number;
    type: string;
    data: Json<Record<string, unknown>>;
    created_at: Timestamp;
  };
  idempotency_keys: {
    workspace_id: string;
    key: string;
    request_sha256: Buffer;
    job_id: string | null;
    file_id: string | null;
    pipeline_id: string | null;
    created_at: Timestamp;
  };
  attempts: AttemptsTable;
  early_callbacks: {
    account: string;
    task_id: string;
    body_sha256: Buffer;
    excerpt: string;
    received_at: Timestamp;
  };
  artifacts: ArtifactsTable;
  ledger_accounts: { id: Generated<number>; workspace_id: string | null; kind: string; balance_micros: number };
  ledger_transfers: {
    id: Generated<number>;
    kind: string;
    debit_account_id: number;
    credit_account_id: number;
    amount_micros: number;
    job_id: string | null;
    attempt: number | null;
    reference: string | null;
    created_at: Timestamp;
  };
  provider_health: {
    account: string;
    /** Empty in the row that is about the whole account. */
    upstream_model: Generated<string>;
    failures: Generated<number>;
    window_started_at: Timestamp;
    open_until: Date | null;
    reason: string | null;
    updated_at: Timestamp;
  };
  provider_orphans: {
    account: string;
    task_id: string;
    upstream_model: string;
    resolution: 'adopted' | 'canceled' | 'written_off';
    job_id: string | null;
    attempt: number | null;
    cost_micros: Generated<number>;
    listed_at: Date | null;
    found_at: Timestamp;
  };
  webhook_endpoints: WebhookEndpointsTable;
  webhook_messages: {
    id: string;
    workspace_id: string;
    type: string;
    subject_kind: WebhookSubject['kind'];
    subject_id: string;
    created_at: Timestamp;
  };
  webhook_deliveries: WebhookDeliveriesTable;
  webhook_tries: WebhookTriesTable;
  settlements: {
    job_id: string;
    captured_micros: number;
    released_micros: number;
    delivered_seconds: number;
    created_at: Timestamp;
  };
};

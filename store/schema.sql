create table api_keys (
  id text not null,
  workspace_id text not null,
  name text not null default ''::text,
  prefix text not null,
  secret_sha256 bytea not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_secret_sha256_key UNIQUE (secret_sha256),
  constraint api_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX api_keys_of_workspace ON public.api_keys USING btree (workspace_id);

create table artifacts (
  id text not null,
  workspace_id text not null,
  job_id text,
  role text not null,
  variant integer,
  location text not null,
  bytes bigint not null,
  sha256 text not null,
  content_type text not null,
  width integer,
  height integer,
  duration_seconds double precision,
  frames_per_second double precision,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  deleted_at timestamp with time zone,
  pipeline_id text,
  pipeline_step text,
  constraint artifacts_bytes_check CHECK ((bytes > 0)),
  constraint artifacts_file_check CHECK (((role <> 'file'::text) OR (job_id IS NULL))),
  constraint artifacts_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED,
  constraint artifacts_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id) DEFERRABLE INITIALLY DEFERRED,
  constraint artifacts_pipeline_step_check CHECK (((pipeline_id IS NOT NULL) = (pipeline_step IS NOT NULL))),
  constraint artifacts_pkey PRIMARY KEY (id),
  constraint artifacts_role_check CHECK ((role = ANY (ARRAY['input'::text, 'file'::text, 'video'::text, 'thumbnail'::text, 'spritesheet'::text, 'frame'::text]))),
  constraint artifacts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX artifact_files_of_workspace ON public.artifacts USING btree (workspace_id, id) WHERE (role = 'file'::text);

CREATE INDEX artifact_inputs_of_job ON public.artifacts USING btree (job_id) WHERE (role = 'input'::text);

CREATE INDEX artifacts_by_location ON public.artifacts USING btree (location);

CREATE UNIQUE INDEX artifacts_of_job ON public.artifacts USING btree (job_id, role, variant) WHERE (role <> 'input'::text);

CREATE UNIQUE INDEX artifacts_of_step ON public.artifacts USING btree (pipeline_id, pipeline_step) WHERE ((pipeline_id IS NOT NULL) AND (role <> 'input'::text));

CREATE INDEX artifacts_to_share ON public.artifacts USING btree (workspace_id, sha256) WHERE ((role = ANY (ARRAY['input'::text, 'file'::text])) AND (deleted_at IS NULL));

CREATE TRIGGER artifacts_share_bytes BEFORE INSERT ON public.artifacts FOR EACH ROW WHEN ((new.role = ANY (ARRAY['input'::text, 'file'::text]))) EXECUTE FUNCTION share_bytes();

create table attempts (
  job_id text not null,
  number integer not null,
  account text not null,
  upstream_model text not null,
  attempt_key text not null,
  state text not null default 'intended'::text,
  task jsonb,
  files jsonb,
  cost_micros bigint not null,
  charged text not null default 'no'::text,
  failure jsonb,
  intended_at timestamp with time zone not null default now(),
  answered_at timestamp with time zone,
  finished_at timestamp with time zone,
  watched_at timestamp with time zone,
  watch_ended_at timestamp with time zone,
  resolution text,
  callback_token_sha256 bytea,
  callback_at timestamp with time zone,
  callback_task_id text,
  callback_sha256 bytea,
  callback_excerpt text,
  callback_count integer not null default 0,
  callback_wakes_wanted integer not null default 0,
  callback_wakes_delivered integer not null default 0,
  callback_claimed_until timestamp with time zone,
  constraint attempts_attempt_key_key UNIQUE (attempt_key),
  constraint attempts_charged_check CHECK ((charged = ANY (ARRAY['yes'::text, 'no'::text, 'possibly'::text]))),
  constraint attempts_cost_micros_check CHECK ((cost_micros >= 0)),
  constraint attempts_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id),
  constraint attempts_number_check CHECK ((number > 0)),
  constraint attempts_pkey PRIMARY KEY (job_id, number),
  constraint attempts_resolution_check CHECK ((resolution = ANY (ARRAY['accepted'::text, 'never_existed'::text, 'fail'::text, 'failover'::text]))),
  constraint attempts_state_check CHECK ((state = ANY (ARRAY['intended'::text, 'not_sent'::text, 'accepted'::text, 'refused'::text, 'unknown'::text, 'succeeded'::text, 'failed'::text, 'abandoned'::text])))
);

CREATE INDEX attempts_called_back_late ON public.attempts USING btree (job_id) WHERE ((state = 'unknown'::text) AND (callback_task_id IS NOT NULL) AND (watch_ended_at IS NULL));

CREATE UNIQUE INDEX attempts_of_callback ON public.attempts USING btree (callback_token_sha256) WHERE (callback_token_sha256 IS NOT NULL);

CREATE INDEX attempts_of_task ON public.attempts USING btree (((task ->> 'id'::text)), account) WHERE (task IS NOT NULL);

CREATE INDEX attempts_to_wake ON public.attempts USING btree (callback_at) WHERE (callback_wakes_wanted > callback_wakes_delivered);

CREATE INDEX attempts_to_watch ON public.attempts USING btree (job_id) WHERE ((state = ANY (ARRAY['accepted'::text, 'abandoned'::text])) AND (watch_ended_at IS NULL));

CREATE INDEX attempts_unanswered ON public.attempts USING btree (account, intended_at) WHERE (state = ANY (ARRAY['intended'::text, 'unknown'::text]));

CREATE TRIGGER attempts_book_late_cost AFTER UPDATE OF charged ON public.attempts FOR EACH ROW WHEN (((new.charged = 'yes'::text) AND (old.charged <> 'yes'::text))) EXECUTE FUNCTION book_late_provider_cost();

create table early_callbacks (
  account text not null,
  task_id text not null,
  body_sha256 bytea not null,
  excerpt text not null,
  received_at timestamp with time zone not null default now(),
  constraint early_callbacks_pkey PRIMARY KEY (account, task_id)
);

CREATE INDEX early_callbacks_by_age ON public.early_callbacks USING btree (received_at);

create table idempotency_keys (
  workspace_id text not null,
  key text not null,
  request_sha256 bytea not null,
  job_id text,
  created_at timestamp with time zone not null default now(),
  file_id text,
  pipeline_id text,
  constraint idempotency_keys_file_id_fkey FOREIGN KEY (file_id) REFERENCES artifacts(id) DEFERRABLE INITIALLY DEFERRED,
  constraint idempotency_keys_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED,
  constraint idempotency_keys_one_check CHECK ((num_nonnulls(job_id, file_id, pipeline_id) = 1)),
  constraint idempotency_keys_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id) DEFERRABLE INITIALLY DEFERRED,
  constraint idempotency_keys_pkey PRIMARY KEY (workspace_id, key),
  constraint idempotency_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

create table job_events (
  job_id text not null,
  sequence integer not null,
  type text not null,
  data jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  constraint job_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id),
  constraint job_events_pkey PRIMARY KEY (job_id, sequence)
);

CREATE TRIGGER job_events_append_only BEFORE DELETE OR UPDATE ON public.job_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

create table jobs (
  id text not null,
  workspace_id text not null,
  api_key_id text not null,
  dialect text not null,
  operation text not null,
  model text not null,
  request jsonb not null,
  plan jsonb not null,
  state text not null default 'queued'::text,
  phase text,
  progress smallint,
  provider text not null,
  attempts integer not null default 0,
  last_sequence integer not null default 1,
  price_micros_per_second bigint not null,
  held_micros bigint not null,
  captured_micros bigint,
  started_by text not null default 'caller'::text,
  provider_cancel text,
  error_code text,
  created_at timestamp with time zone not null default now(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  claimed_until timestamp with time zone,
  dispatched_at timestamp with time zone,
  cancel_requested_at timestamp with time zone,
  cancel_delivered_at timestamp with time zone,
  callback_url text,
  deleted_at timestamp with time zone,
  swept_at timestamp with time zone,
  pipeline_id text,
  pipeline_step text,
  extension text,
  constraint jobs_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id),
  constraint jobs_captured_micros_check CHECK ((captured_micros >= 0)),
  constraint jobs_check CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text])) = (finished_at IS NOT NULL))),
  constraint jobs_check1 CHECK (((state = 'failed'::text) = (error_code IS NOT NULL))),
  constraint jobs_extension_check CHECK ((extension = ANY (ARRAY['native'::text, 'bridged'::text]))),
  constraint jobs_held_micros_check CHECK ((held_micros >= 0)),
  constraint jobs_phase_check CHECK ((phase = ANY (ARRAY['routing'::text, 'submitting'::text, 'reconciling'::text, 'waiting'::text, 'polling'::text, 'downloading'::text, 'settling'::text]))),
  constraint jobs_pipeline_check CHECK (((started_by = 'pipeline'::text) = (pipeline_id IS NOT NULL))),
  constraint jobs_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id),
  constraint jobs_pipeline_step_check CHECK (((pipeline_id IS NOT NULL) = (pipeline_step IS NOT NULL))),
  constraint jobs_pkey PRIMARY KEY (id),
  constraint jobs_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
  constraint jobs_provider_cancel_check CHECK ((provider_cancel = ANY (ARRAY['confirmed'::text, 'unsupported'::text, 'too_late'::text]))),
  constraint jobs_started_by_check CHECK ((started_by = ANY (ARRAY['caller'::text, 'pipeline'::text]))),
  constraint jobs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text]))),
  constraint jobs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX jobs_finished ON public.jobs USING btree (workspace_id, finished_at) WHERE (finished_at IS NOT NULL);

CREATE INDEX jobs_of_pipeline ON public.jobs USING btree (pipeline_id) WHERE (pipeline_id IS NOT NULL);

CREATE INDEX jobs_of_workspace ON public.jobs USING btree (workspace_id, id DESC);

CREATE INDEX jobs_open ON public.jobs USING btree (workspace_id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE INDEX jobs_to_cancel ON public.jobs USING btree (id) WHERE ((cancel_requested_at IS NOT NULL) AND (cancel_delivered_at IS NULL) AND (state = ANY (ARRAY['queued'::text, 'running'::text])));

CREATE INDEX jobs_to_start ON public.jobs USING btree (workspace_id, id) WHERE ((state = 'queued'::text) AND (dispatched_at IS NULL));

CREATE INDEX jobs_to_sweep ON public.jobs USING btree (swept_at NULLS FIRST) WHERE ((state = ANY (ARRAY['queued'::text, 'running'::text])) AND (dispatched_at IS NOT NULL));

create table ledger_accounts (
  id bigint not null generated always as identity,
  workspace_id text,
  kind text not null,
  balance_micros bigint not null default 0,
  pipeline_id text,
  constraint ledger_accounts_key UNIQUE NULLS NOT DISTINCT (workspace_id, kind, pipeline_id),
  constraint ledger_accounts_kind_check CHECK ((kind = ANY (ARRAY['available'::text, 'held'::text, 'reserved'::text, 'revenue'::text, 'provider_cost'::text, 'provider_payable'::text, 'funding'::text]))),
  constraint ledger_accounts_not_overdrawn CHECK (((kind <> ALL (ARRAY['available'::text, 'held'::text, 'reserved'::text])) OR (balance_micros >= 0))),
  constraint ledger_accounts_pipeline_check CHECK (((pipeline_id IS NOT NULL) = (kind = 'reserved'::text))),
  constraint ledger_accounts_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id),
  constraint ledger_accounts_pkey PRIMARY KEY (id),
  constraint ledger_accounts_workspace_check CHECK (((workspace_id IS NOT NULL) = (kind = ANY (ARRAY['available'::text, 'held'::text, 'reserved'::text])))),
  constraint ledger_accounts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX ledger_account_of_pipeline ON public.ledger_accounts USING btree (pipeline_id) WHERE (pipeline_id IS NOT NULL);

create table ledger_transfers (
  id bigint not null generated always as identity,
  kind text not null,
  debit_account_id bigint not null,
  credit_account_id bigint not null,
  amount_micros bigint not null,
  job_id text,
  attempt integer,
  reference text,
  created_at timestamp with time zone not null default now(),
  constraint ledger_transfers_amount_micros_check CHECK ((amount_micros > 0)),
  constraint ledger_transfers_check CHECK ((debit_account_id <> credit_account_id)),
  constraint ledger_transfers_credit_account_id_fkey FOREIGN KEY (credit_account_id) REFERENCES ledger_accounts(id),
  constraint ledger_transfers_debit_account_id_fkey FOREIGN KEY (debit_account_id) REFERENCES ledger_accounts(id),
  constraint ledger_transfers_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED,
  constraint ledger_transfers_kind_check CHECK ((kind = ANY (ARRAY['top_up'::text, 'reserve'::text, 'unreserve'::text, 'hold'::text, 'capture'::text, 'release'::text, 'release_rest'::text, 'provider_cost'::text, 'correction'::text]))),
  constraint ledger_transfers_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX ledger_reserves_once ON public.ledger_transfers USING btree (reference, kind, attempt) WHERE (kind = ANY (ARRAY['reserve'::text, 'unreserve'::text]));

CREATE UNIQUE INDEX ledger_transfers_once ON public.ledger_transfers USING btree (job_id, kind, attempt) NULLS NOT DISTINCT WHERE (job_id IS NOT NULL);

CREATE TRIGGER ledger_transfers_append_only BEFORE DELETE OR UPDATE ON public.ledger_transfers FOR EACH ROW EXECUTE FUNCTION refuse_change();

create table pipeline_events (
  pipeline_id text not null,
  sequence integer not null,
  type text not null,
  data jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  constraint pipeline_events_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id),
  constraint pipeline_events_pkey PRIMARY KEY (pipeline_id, sequence)
);

CREATE TRIGGER pipeline_events_append_only BEFORE DELETE OR UPDATE ON public.pipeline_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

create table pipeline_steps (
  pipeline_id text not null,
  name text not null,
  position integer not null,
  kind text not null,
  definition jsonb not null,
  state text not null default 'pending'::text,
  run integer not null default 1,
  reserved_micros bigint not null default 0,
  job_id text,
  artifact_id text,
  error_code text,
  error_detail text,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  deadline_at timestamp with time zone,
  decision text,
  decision_note text,
  decided_by text,
  decided_at timestamp with time zone,
  decision_delivered_at timestamp with time zone,
  constraint pipeline_steps_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES artifacts(id) DEFERRABLE INITIALLY DEFERRED,
  constraint pipeline_steps_check CHECK (((state = 'failed'::text) = (error_code IS NOT NULL))),
  constraint pipeline_steps_check1 CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'skipped'::text, 'canceled'::text])) = (finished_at IS NOT NULL))),
  constraint pipeline_steps_check2 CHECK (((decision IS NOT NULL) = (decided_at IS NOT NULL))),
  constraint pipeline_steps_decided_by_fkey FOREIGN KEY (decided_by) REFERENCES api_keys(id),
  constraint pipeline_steps_decision_check CHECK ((decision = ANY (ARRAY['approved'::text, 'rejected'::text]))),
  constraint pipeline_steps_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED,
  constraint pipeline_steps_kind_check CHECK ((kind = ANY (ARRAY['text_to_video'::text, 'image_to_video'::text, 'extend'::text, 'remix'::text, 'concat'::text, 'frame'::text, 'approval'::text]))),
  constraint pipeline_steps_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id),
  constraint pipeline_steps_pipeline_id_position_key UNIQUE (pipeline_id, "position"),
  constraint pipeline_steps_pkey PRIMARY KEY (pipeline_id, name),
  constraint pipeline_steps_position_check CHECK (("position" >= 0)),
  constraint pipeline_steps_reserved_micros_check CHECK ((reserved_micros >= 0)),
  constraint pipeline_steps_run_check CHECK ((run > 0)),
  constraint pipeline_steps_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'running'::text, 'waiting_approval'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text, 'canceled'::text])))
);

CREATE INDEX pipeline_decisions_to_deliver ON public.pipeline_steps USING btree (pipeline_id) WHERE ((decision IS NOT NULL) AND (decision_delivered_at IS NULL));

create table pipelines (
  id text not null,
  workspace_id text not null,
  api_key_id text not null,
  state text not null default 'queued'::text,
  run integer not null default 1,
  max_parallel integer not null,
  on_failure text not null,
  callback_url text,
  metadata jsonb not null default '{}'::jsonb,
  reserved_micros bigint not null,
  last_sequence integer not null default 1,
  created_at timestamp with time zone not null default now(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  claimed_until timestamp with time zone,
  dispatched_at timestamp with time zone,
  cancel_requested_at timestamp with time zone,
  cancel_delivered_at timestamp with time zone,
  swept_at timestamp with time zone,
  deleted_at timestamp with time zone,
  constraint pipelines_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id),
  constraint pipelines_check CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text])) = (finished_at IS NOT NULL))),
  constraint pipelines_deleted_check CHECK (((deleted_at IS NULL) OR (finished_at IS NOT NULL))),
  constraint pipelines_max_parallel_check CHECK (((max_parallel >= 1) AND (max_parallel <= 10))),
  constraint pipelines_on_failure_check CHECK ((on_failure = ANY (ARRAY['stop'::text, 'continue'::text]))),
  constraint pipelines_pkey PRIMARY KEY (id),
  constraint pipelines_reserved_micros_check CHECK ((reserved_micros >= 0)),
  constraint pipelines_run_check CHECK ((run > 0)),
  constraint pipelines_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text]))),
  constraint pipelines_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX pipelines_of_workspace ON public.pipelines USING btree (workspace_id, id DESC);

CREATE INDEX pipelines_open ON public.pipelines USING btree (workspace_id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE INDEX pipelines_to_cancel ON public.pipelines USING btree (id) WHERE ((cancel_requested_at IS NOT NULL) AND (cancel_delivered_at IS NULL) AND (state = ANY (ARRAY['queued'::text, 'running'::text])));

CREATE INDEX pipelines_to_start ON public.pipelines USING btree (id) WHERE ((state = 'queued'::text) AND (dispatched_at IS NULL));

CREATE INDEX pipelines_to_sweep ON public.pipelines USING btree (swept_at NULLS FIRST) WHERE ((state = ANY (ARRAY['queued'::text, 'running'::text])) AND (dispatched_at IS NOT NULL));

create table provider_health (
  account text not null,
  upstream_model text not null default ''::text,
  failures integer not null default 0,
  window_started_at timestamp with time zone not null default now(),
  open_until timestamp with time zone,
  reason text,
  updated_at timestamp with time zone not null default now(),
  constraint provider_health_failures_check CHECK ((failures >= 0)),
  constraint provider_health_pkey PRIMARY KEY (account, upstream_model)
);

create table provider_orphans (
  account text not null,
  task_id text not null,
  upstream_model text not null,
  resolution text not null,
  job_id text,
  attempt integer,
  cost_micros bigint not null default 0,
  listed_at timestamp with time zone,
  found_at timestamp with time zone not null default now(),
  constraint provider_orphans_check CHECK (((resolution = 'adopted'::text) = (job_id IS NOT NULL))),
  constraint provider_orphans_cost_micros_check CHECK ((cost_micros >= 0)),
  constraint provider_orphans_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id),
  constraint provider_orphans_pkey PRIMARY KEY (account, task_id),
  constraint provider_orphans_resolution_check CHECK ((resolution = ANY (ARRAY['adopted'::text, 'canceled'::text, 'written_off'::text])))
);

create table settlements (
  job_id text not null,
  captured_micros bigint not null,
  released_micros bigint not null,
  delivered_seconds double precision not null default 0,
  created_at timestamp with time zone not null default now(),
  constraint settlements_captured_micros_check CHECK ((captured_micros >= 0)),
  constraint settlements_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id),
  constraint settlements_pkey PRIMARY KEY (job_id),
  constraint settlements_released_micros_check CHECK ((released_micros >= 0))
);

create table webhook_deliveries (
  id text not null,
  message_id text not null,
  workspace_id text not null,
  endpoint_id text,
  url text,
  state text not null default 'pending'::text,
  attempts integer not null default 0,
  sending integer not null default 1,
  step integer not null default 0,
  next_attempt_at timestamp with time zone default now(),
  last_attempt_at timestamp with time zone,
  last_status integer,
  last_error text,
  created_at timestamp with time zone not null default now(),
  ended_at timestamp with time zone,
  claimed_until timestamp with time zone,
  dispatched_at timestamp with time zone,
  swept_at timestamp with time zone,
  constraint webhook_deliveries_check CHECK (((endpoint_id IS NULL) OR (url IS NULL))),
  constraint webhook_deliveries_check1 CHECK (((state = 'pending'::text) = (ended_at IS NULL))),
  constraint webhook_deliveries_check2 CHECK (((state = 'pending'::text) = (next_attempt_at IS NOT NULL))),
  constraint webhook_deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id),
  constraint webhook_deliveries_message_id_fkey FOREIGN KEY (message_id) REFERENCES webhook_messages(id),
  constraint webhook_deliveries_pkey PRIMARY KEY (id),
  constraint webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'exhausted'::text, 'canceled'::text]))),
  constraint webhook_deliveries_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX webhook_deliveries_of_endpoint ON public.webhook_deliveries USING btree (endpoint_id, id DESC) WHERE (endpoint_id IS NOT NULL);

CREATE INDEX webhook_deliveries_of_message ON public.webhook_deliveries USING btree (message_id);

CREATE INDEX webhook_deliveries_of_workspace ON public.webhook_deliveries USING btree (workspace_id, id DESC);

CREATE INDEX webhook_deliveries_to_start ON public.webhook_deliveries USING btree (workspace_id, id) WHERE ((state = 'pending'::text) AND (dispatched_at IS NULL));

CREATE INDEX webhook_deliveries_to_sweep ON public.webhook_deliveries USING btree (next_attempt_at) WHERE ((state = 'pending'::text) AND (dispatched_at IS NOT NULL));

create table webhook_endpoints (
  id text not null,
  workspace_id text not null,
  url text not null,
  description text not null default ''::text,
  event_types text[],
  secret text not null default new_webhook_secret(),
  previous_secret text,
  previous_secret_until timestamp with time zone,
  disabled_at timestamp with time zone,
  disabled_because text,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  constraint webhook_endpoints_check CHECK (((previous_secret IS NULL) = (previous_secret_until IS NULL))),
  constraint webhook_endpoints_check1 CHECK (((disabled_at IS NULL) = (disabled_because IS NULL))),
  constraint webhook_endpoints_disabled_because_check CHECK ((disabled_because = ANY (ARRAY['caller'::text, 'gone'::text]))),
  constraint webhook_endpoints_event_types_check CHECK ((cardinality(event_types) > 0)),
  constraint webhook_endpoints_pkey PRIMARY KEY (id),
  constraint webhook_endpoints_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX webhook_endpoints_of_workspace ON public.webhook_endpoints USING btree (workspace_id, id) WHERE (deleted_at IS NULL);

create table webhook_messages (
  id text not null,
  workspace_id text not null,
  type text not null,
  subject_kind text not null,
  subject_id text not null,
  created_at timestamp with time zone not null default now(),
  constraint webhook_messages_pkey PRIMARY KEY (id),
  constraint webhook_messages_subject_kind_check CHECK ((subject_kind = ANY (ARRAY['job'::text, 'pipeline'::text, 'endpoint'::text, 'delivery'::text]))),
  constraint webhook_messages_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX webhook_messages_of_job_once ON public.webhook_messages USING btree (subject_id, type) WHERE (subject_kind = 'job'::text);

CREATE INDEX webhook_messages_of_subject ON public.webhook_messages USING btree (subject_id);

create table webhook_tries (
  delivery_id text not null,
  number integer not null,
  started_at timestamp with time zone not null,
  duration_ms integer not null,
  status integer,
  error text,
  detail text,
  answer text not null default ''::text,
  constraint webhook_tries_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries(id),
  constraint webhook_tries_error_check CHECK ((error = ANY (ARRAY['status'::text, 'timeout'::text, 'network'::text, 'tls'::text, 'address_refused'::text]))),
  constraint webhook_tries_number_check CHECK ((number > 0)),
  constraint webhook_tries_pkey PRIMARY KEY (delivery_id, number)
);

create table workspaces (
  id text not null,
  name text not null,
  open_job_limit integer not null default 1000,
  requests_per_minute integer not null default 10000,
  cancel_charge text not null default 'none'::text,
  created_at timestamp with time zone not null default now(),
  unknown_policy text not null default 'fail'::text,
  webhook_secret text not null default new_webhook_secret(),
  webhook_previous_secret text,
  webhook_previous_secret_until timestamp with time zone,
  constraint workspaces_cancel_charge_check CHECK ((cancel_charge = ANY (ARRAY['none'::text, 'full'::text]))),
  constraint workspaces_name_check CHECK ((name <> ''::text)),
  constraint workspaces_name_key UNIQUE (name),
  constraint workspaces_open_job_limit_check CHECK ((open_job_limit > 0)),
  constraint workspaces_pkey PRIMARY KEY (id),
  constraint workspaces_requests_per_minute_check CHECK ((requests_per_minute > 0)),
  constraint workspaces_unknown_policy_check CHECK ((unknown_policy = ANY (ARRAY['fail'::text, 'failover'::text, 'hold'::text])))
);

CREATE OR REPLACE FUNCTION public.book_late_provider_cost()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform 1 from jobs where id = new.job_id for no key update;
  if exists (select from settlements where job_id = new.job_id) then
    perform ledger_post('provider_cost', ledger_account(null, 'provider_cost'), ledger_account(null, 'provider_payable'),
      new.cost_micros, new.job_id, new.number);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.ledger_account(in_workspace_id text, in_kind text)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
  select id from ledger_accounts where workspace_id is not distinct from in_workspace_id and kind = in_kind
$function$;

CREATE OR REPLACE FUNCTION public.ledger_post(in_kind text, in_debit bigint, in_credit bigint, in_amount bigint, in_job_id text DEFAULT NULL::text, in_attempt integer DEFAULT NULL::integer, in_reference text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if in_amount = 0 then
    return;
  end if;
  perform 1 from ledger_accounts where id in (in_debit, in_credit)
    order by case kind when 'available' then 1 when 'held' then 2 when 'reserved' then 3 else 4 end, id for update;
  update ledger_accounts set balance_micros = balance_micros - in_amount where id = in_debit;
  update ledger_accounts set balance_micros = balance_micros + in_amount where id = in_credit;
  insert into ledger_transfers (kind, debit_account_id, credit_account_id, amount_micros, job_id, attempt, reference)
    values (in_kind, in_debit, in_credit, in_amount, in_job_id, in_attempt, in_reference);
end
$function$;

CREATE OR REPLACE FUNCTION public.ledger_source(in_workspace_id text, in_pipeline_id text)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
  select case when in_pipeline_id is null then ledger_account(in_workspace_id, 'available')
    else (select id from ledger_accounts where pipeline_id = in_pipeline_id) end
$function$;

CREATE OR REPLACE FUNCTION public.new_id(in_prefix text)
 RETURNS text
 LANGUAGE sql
AS $function$
  select in_prefix || '_' || string_agg(
    substr('0123456789abcdefghjkmnpqrstvwxyz', substring(bits from 5 * place + 1 for 5)::bit(5)::integer + 1, 1), '' order by place)
  from (
    select B'00' || ('x' || lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
      || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::bit(128) as bits
  ) made, generate_series(0, 25) place
$function$;

CREATE OR REPLACE FUNCTION public.new_webhook_secret()
 RETURNS text
 LANGUAGE sql
AS $function$
  select 'whsec_' || encode(decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64')
$function$;

CREATE OR REPLACE FUNCTION public.pipeline_event(in_pipeline_id text, in_type text, in_data jsonb DEFAULT '{}'::jsonb)
 RETURNS void
 LANGUAGE sql
AS $function$
  with pipeline as (
    update pipelines set last_sequence = last_sequence + 1 where id = in_pipeline_id returning id, last_sequence
  )
  insert into pipeline_events (pipeline_id, sequence, type, data)
  select id, last_sequence, in_type, jsonb_strip_nulls(in_data) from pipeline
$function$;

CREATE OR REPLACE FUNCTION public.queue_webhook(in_workspace_id text, in_type text, in_subject_kind text, in_subject_id text, in_url text DEFAULT NULL::text, in_except_endpoint_id text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  targets text[] := array(
    select id from webhook_endpoints
    where workspace_id = in_workspace_id and deleted_at is null and disabled_at is null
      and (event_types is null or in_type = any(event_types)) and id is distinct from in_except_endpoint_id
    order by id
  );
  made_id text;
begin
  if in_url is null and cardinality(targets) = 0 then
    return 0;
  end if;
  made_id := new_id('msg');
  insert into webhook_messages (id, workspace_id, type, subject_kind, subject_id)
    values (made_id, in_workspace_id, in_type, in_subject_kind, in_subject_id);
  if in_url is not null then
    insert into webhook_deliveries (id, message_id, workspace_id, url) values (new_id('dlv'), made_id, in_workspace_id, in_url);
  end if;
  insert into webhook_deliveries (id, message_id, workspace_id, endpoint_id)
    select new_id('dlv'), made_id, in_workspace_id, target from unnest(targets) target;
  return cardinality(targets) + case when in_url is null then 0 else 1 end;
end
$function$;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% is append only', tg_table_name;
end
$function$;

CREATE OR REPLACE FUNCTION public.share_bytes()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform from artifacts
    where location = new.location and deleted_at is null and expires_at > now() limit 1 for share;
  if not found and exists (select from artifacts where location = new.location) then
    raise exception 'the bytes at % are no longer kept', new.location
      using errcode = 'check_violation', constraint = 'artifact_bytes_kept';
  end if;
  return new;
end
$function$;

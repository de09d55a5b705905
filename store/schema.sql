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
  constraint artifacts_bytes_check CHECK ((bytes > 0)),
  constraint artifacts_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED,
  constraint artifacts_location_key UNIQUE (location),
  constraint artifacts_pkey PRIMARY KEY (id),
  constraint artifacts_role_check CHECK ((role = ANY (ARRAY['input'::text, 'video'::text, 'thumbnail'::text, 'spritesheet'::text]))),
  constraint artifacts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX artifact_inputs_of_job ON public.artifacts USING btree (job_id) WHERE (role = 'input'::text);

CREATE UNIQUE INDEX artifacts_of_job ON public.artifacts USING btree (job_id, role, variant) WHERE (role <> 'input'::text);

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
  constraint attempts_attempt_key_key UNIQUE (attempt_key),
  constraint attempts_charged_check CHECK ((charged = ANY (ARRAY['yes'::text, 'no'::text, 'possibly'::text]))),
  constraint attempts_cost_micros_check CHECK ((cost_micros >= 0)),
  constraint attempts_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id),
  constraint attempts_number_check CHECK ((number > 0)),
  constraint attempts_pkey PRIMARY KEY (job_id, number),
  constraint attempts_resolution_check CHECK ((resolution = ANY (ARRAY['accepted'::text, 'never_existed'::text, 'fail'::text, 'failover'::text]))),
  constraint attempts_state_check CHECK ((state = ANY (ARRAY['intended'::text, 'not_sent'::text, 'accepted'::text, 'refused'::text, 'unknown'::text, 'succeeded'::text, 'failed'::text, 'abandoned'::text])))
);

CREATE INDEX attempts_of_task ON public.attempts USING btree (((task ->> 'id'::text)), account) WHERE (task IS NOT NULL);

CREATE INDEX attempts_to_watch ON public.attempts USING btree (job_id) WHERE ((state = ANY (ARRAY['accepted'::text, 'abandoned'::text])) AND (watch_ended_at IS NULL));

CREATE INDEX attempts_unanswered ON public.attempts USING btree (account, intended_at) WHERE (state = ANY (ARRAY['intended'::text, 'unknown'::text]));

CREATE TRIGGER attempts_book_late_cost AFTER UPDATE OF charged ON public.attempts FOR EACH ROW WHEN (((new.charged = 'yes'::text) AND (old.charged <> 'yes'::text))) EXECUTE FUNCTION book_late_provider_cost();

create table idempotency_keys (
  workspace_id text not null,
  key text not null,
  request_sha256 bytea not null,
  job_id text not null,
  created_at timestamp with time zone not null default now(),
  constraint idempotency_keys_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED,
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
  constraint jobs_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id),
  constraint jobs_captured_micros_check CHECK ((captured_micros >= 0)),
  constraint jobs_check CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text])) = (finished_at IS NOT NULL))),
  constraint jobs_check1 CHECK (((state = 'failed'::text) = (error_code IS NOT NULL))),
  constraint jobs_held_micros_check CHECK ((held_micros >= 0)),
  constraint jobs_phase_check CHECK ((phase = ANY (ARRAY['routing'::text, 'submitting'::text, 'reconciling'::text, 'waiting'::text, 'polling'::text, 'downloading'::text, 'settling'::text]))),
  constraint jobs_pkey PRIMARY KEY (id),
  constraint jobs_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
  constraint jobs_provider_cancel_check CHECK ((provider_cancel = ANY (ARRAY['confirmed'::text, 'unsupported'::text, 'too_late'::text]))),
  constraint jobs_started_by_check CHECK ((started_by = ANY (ARRAY['caller'::text, 'pipeline'::text]))),
  constraint jobs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text]))),
  constraint jobs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX jobs_finished ON public.jobs USING btree (workspace_id, finished_at) WHERE (finished_at IS NOT NULL);

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
  constraint ledger_accounts_check CHECK (((workspace_id IS NOT NULL) = (kind = ANY (ARRAY['available'::text, 'held'::text])))),
  constraint ledger_accounts_kind_check CHECK ((kind = ANY (ARRAY['available'::text, 'held'::text, 'revenue'::text, 'provider_cost'::text, 'provider_payable'::text, 'funding'::text]))),
  constraint ledger_accounts_not_overdrawn CHECK (((kind <> ALL (ARRAY['available'::text, 'held'::text])) OR (balance_micros >= 0))),
  constraint ledger_accounts_pkey PRIMARY KEY (id),
  constraint ledger_accounts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id),
  constraint ledger_accounts_workspace_id_kind_key UNIQUE NULLS NOT DISTINCT (workspace_id, kind)
);

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
  constraint ledger_transfers_kind_check CHECK ((kind = ANY (ARRAY['top_up'::text, 'hold'::text, 'capture'::text, 'release'::text, 'release_rest'::text, 'provider_cost'::text, 'correction'::text]))),
  constraint ledger_transfers_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX ledger_transfers_once ON public.ledger_transfers USING btree (job_id, kind, attempt) NULLS NOT DISTINCT WHERE (job_id IS NOT NULL);

CREATE TRIGGER ledger_transfers_append_only BEFORE DELETE OR UPDATE ON public.ledger_transfers FOR EACH ROW EXECUTE FUNCTION refuse_change();

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

create table workspaces (
  id text not null,
  name text not null,
  open_job_limit integer not null default 1000,
  requests_per_minute integer not null default 10000,
  cancel_charge text not null default 'none'::text,
  created_at timestamp with time zone not null default now(),
  unknown_policy text not null default 'fail'::text,
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
    order by case kind when 'available' then 1 when 'held' then 2 else 3 end, id for update;
  update ledger_accounts set balance_micros = balance_micros - in_amount where id = in_debit;
  update ledger_accounts set balance_micros = balance_micros + in_amount where id = in_credit;
  insert into ledger_transfers (kind, debit_account_id, credit_account_id, amount_micros, job_id, attempt, reference)
    values (in_kind, in_debit, in_credit, in_amount, in_job_id, in_attempt, in_reference);
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

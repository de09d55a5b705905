-- Up Migration

-- Jobs and other work that follow from each other, taken and paid for as one.
create table pipelines (
  id text primary key,
  workspace_id text not null references workspaces,
  api_key_id text not null references api_keys,
  state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
  -- A retry is another run of the same pipeline.
  run integer not null default 1 check (run > 0),
  max_parallel integer not null check (max_parallel between 1 and 10),
  on_failure text not null check (on_failure in ('stop', 'continue')),
  callback_url text,
  metadata jsonb not null default '{}',
  -- The quote of the run that is under way, or was the last.
  reserved_micros bigint not null check (reserved_micros >= 0),
  last_sequence integer not null default 1,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  claimed_until timestamptz,
  dispatched_at timestamptz,
  cancel_requested_at timestamptz,
  cancel_delivered_at timestamptz,
  swept_at timestamptz,
  check ((state in ('succeeded', 'failed', 'canceled')) = (finished_at is not null))
);
create index pipelines_of_workspace on pipelines (workspace_id, id desc);
create index pipelines_open on pipelines (workspace_id) where state in ('queued', 'running');
create index pipelines_to_start on pipelines (id) where state = 'queued' and dispatched_at is null;
create index pipelines_to_cancel on pipelines (id)
  where cancel_requested_at is not null and cancel_delivered_at is null and state in ('queued', 'running');
create index pipelines_to_sweep on pipelines (swept_at nulls first)
  where state in ('queued', 'running') and dispatched_at is not null;

create table pipeline_steps (
  pipeline_id text not null references pipelines,
  name text not null,
  position integer not null check (position >= 0),
  kind text not null check (
    kind in ('text_to_video', 'image_to_video', 'extend', 'remix', 'concat', 'frame', 'approval')
  ),
  definition jsonb not null,
  state text not null default 'pending' check (
    state in ('pending', 'running', 'waiting_approval', 'succeeded', 'failed', 'skipped', 'canceled')
  ),
  -- The run of the pipeline that it was last a part of.
  run integer not null default 1 check (run > 0),
  -- Its part of the quote: what its job holds at most.
  reserved_micros bigint not null default 0 check (reserved_micros >= 0),
  job_id text references jobs deferrable initially deferred,
  artifact_id text references artifacts deferrable initially deferred,
  error_code text,
  error_detail text,
  started_at timestamptz,
  finished_at timestamptz,
  -- Of an approval: when it is too late, and what a person said.
  deadline_at timestamptz,
  decision text check (decision in ('approved', 'rejected')),
  decision_note text,
  decided_by text references api_keys,
  decided_at timestamptz,
  decision_delivered_at timestamptz,
  primary key (pipeline_id, name),
  unique (pipeline_id, position),
  check ((state = 'failed') = (error_code is not null)),
  check ((state in ('succeeded', 'failed', 'skipped', 'canceled')) = (finished_at is not null)),
  check ((decision is not null) = (decided_at is not null))
);
create index pipeline_decisions_to_deliver on pipeline_steps (pipeline_id)
  where decision is not null and decision_delivered_at is null;

create table pipeline_events (
  pipeline_id text not null references pipelines,
  sequence integer not null,
  type text not null,
  data jsonb not null default '{}',
  created_at timestamptz not null default now(),
  primary key (pipeline_id, sequence)
);
create trigger pipeline_events_append_only before update or delete on pipeline_events
  for each row execute function refuse_change();

-- In a statement of its own: the sequence has no gap because the pipeline's row is locked until the commit.
create function pipeline_event(in_pipeline_id text, in_type text, in_data jsonb default '{}')
returns void language sql as $$
  with pipeline as (
    update pipelines set last_sequence = last_sequence + 1 where id = in_pipeline_id returning id, last_sequence
  )
  insert into pipeline_events (pipeline_id, sequence, type, data)
  select id, last_sequence, in_type, jsonb_strip_nulls(in_data) from pipeline
$$;

alter table jobs
  add column pipeline_id text references pipelines,
  add column pipeline_step text,
  add constraint jobs_pipeline_check check ((started_by = 'pipeline') = (pipeline_id is not null)),
  add constraint jobs_pipeline_step_check check ((pipeline_id is not null) = (pipeline_step is not null));
create index jobs_of_pipeline on jobs (pipeline_id) where pipeline_id is not null;

-- What a step is made of and what it leaves behind, where that is no job's.
alter table artifacts
  add column pipeline_id text references pipelines deferrable initially deferred,
  add column pipeline_step text,
  drop constraint artifacts_role_check,
  add constraint artifacts_role_check check (role in ('input', 'file', 'video', 'thumbnail', 'spritesheet', 'frame')),
  add constraint artifacts_pipeline_step_check check ((pipeline_id is not null) = (pipeline_step is not null));
create unique index artifacts_of_step on artifacts (pipeline_id, pipeline_step)
  where pipeline_id is not null and role <> 'input';

-- A key belongs to what it made: a job, a file or a pipeline.
alter table idempotency_keys
  add column pipeline_id text references pipelines deferrable initially deferred,
  add constraint idempotency_keys_one_check check (num_nonnulls(job_id, file_id, pipeline_id) = 1);

-- What a pipeline may still spend lies in an account of its own.
alter table ledger_accounts
  add column pipeline_id text references pipelines,
  drop constraint ledger_accounts_kind_check,
  drop constraint ledger_accounts_check,
  drop constraint ledger_accounts_workspace_id_kind_key,
  drop constraint ledger_accounts_not_overdrawn,
  add constraint ledger_accounts_kind_check check (
    kind in ('available', 'held', 'reserved', 'revenue', 'provider_cost', 'provider_payable', 'funding')
  ),
  add constraint ledger_accounts_workspace_check
    check ((workspace_id is not null) = (kind in ('available', 'held', 'reserved'))),
  add constraint ledger_accounts_pipeline_check check ((pipeline_id is not null) = (kind = 'reserved')),
  add constraint ledger_accounts_key unique nulls not distinct (workspace_id, kind, pipeline_id),
  add constraint ledger_accounts_not_overdrawn
    check (kind not in ('available', 'held', 'reserved') or balance_micros >= 0);
create unique index ledger_account_of_pipeline on ledger_accounts (pipeline_id) where pipeline_id is not null;

-- `reserve` takes the quote of a run out of what is available, `unreserve` brings back what is left; the pipeline is
-- the reference, the run the attempt.
alter table ledger_transfers
  drop constraint ledger_transfers_kind_check,
  add constraint ledger_transfers_kind_check check (
    kind in (
      'top_up', 'reserve', 'unreserve', 'hold', 'capture', 'release', 'release_rest', 'provider_cost', 'correction'
    )
  );
create unique index ledger_reserves_once on ledger_transfers (reference, kind, attempt)
  where kind in ('reserve', 'unreserve');

-- Where a job's hold comes from and its rest goes to: the reserve of its pipeline, or what its workspace has.
create function ledger_source(in_workspace_id text, in_pipeline_id text) returns bigint language sql stable as $$
  select case when in_pipeline_id is null then ledger_account(in_workspace_id, 'available')
    else (select id from ledger_accounts where pipeline_id = in_pipeline_id) end
$$;

create or replace function ledger_post(
  in_kind text, in_debit bigint, in_credit bigint, in_amount bigint,
  in_job_id text default null, in_attempt integer default null, in_reference text default null
) returns void language plpgsql as $$
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
$$;

-- Down Migration

create or replace function ledger_post(
  in_kind text, in_debit bigint, in_credit bigint, in_amount bigint,
  in_job_id text default null, in_attempt integer default null, in_reference text default null
) returns void language plpgsql as $$
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
$$;
drop function ledger_source;
drop index ledger_reserves_once;
alter table ledger_transfers
  drop constraint ledger_transfers_kind_check,
  add constraint ledger_transfers_kind_check check (
    kind in ('top_up', 'hold', 'capture', 'release', 'release_rest', 'provider_cost', 'correction')
  );
drop index ledger_account_of_pipeline;
alter table ledger_accounts
  drop constraint ledger_accounts_not_overdrawn,
  drop constraint ledger_accounts_key,
  drop constraint ledger_accounts_pipeline_check,
  drop constraint ledger_accounts_workspace_check,
  drop constraint ledger_accounts_kind_check,
  drop column pipeline_id,
  add constraint ledger_accounts_kind_check check (
    kind in ('available', 'held', 'revenue', 'provider_cost', 'provider_payable', 'funding')
  ),
  add constraint ledger_accounts_check check ((workspace_id is not null) = (kind in ('available', 'held'))),
  add constraint ledger_accounts_workspace_id_kind_key unique nulls not distinct (workspace_id, kind),
  add constraint ledger_accounts_not_overdrawn check (kind not in ('available', 'held') or balance_micros >= 0);
alter table idempotency_keys
  drop constraint idempotency_keys_one_check,
  drop column pipeline_id;
drop index artifacts_of_step;
alter table artifacts
  drop constraint artifacts_role_check,
  add constraint artifacts_role_check check (role in ('input', 'file', 'video', 'thumbnail', 'spritesheet')),
  drop column pipeline_id,
  drop column pipeline_step;
alter table jobs drop column pipeline_id, drop column pipeline_step;
drop function pipeline_event;
drop table pipeline_events, pipeline_steps, pipelines;

-- Up Migration

create table workspaces (
  id text primary key,
  name text not null unique check (name <> ''),
  open_job_limit integer not null default 1000 check (open_job_limit > 0),
  requests_per_minute integer not null default 10000 check (requests_per_minute > 0),
  -- What a cancel after the provider's acceptance charges.
  cancel_charge text not null default 'none' check (cancel_charge in ('none', 'full')),
  created_at timestamptz not null default now()
);

create table api_keys (
  id text primary key,
  workspace_id text not null references workspaces,
  name text not null default '',
  -- The start of the secret, shown so that a person can tell keys apart.
  prefix text not null,
  secret_sha256 bytea not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index api_keys_of_workspace on api_keys (workspace_id);

-- What callers read. The state changes only in store/, by statements that name the state they come from.
create table jobs (
  id text primary key,
  workspace_id text not null references workspaces,
  api_key_id text not null references api_keys,
  dialect text not null,
  operation text not null,
  model text not null,
  request jsonb not null,
  -- Routes, times and limits as they were at acceptance: the input of the workflow.
  plan jsonb not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
  phase text check (
    phase in ('routing', 'submitting', 'reconciling', 'waiting', 'polling', 'downloading', 'settling')
  ),
  progress smallint check (progress between 0 and 100),
  provider text not null,
  attempts integer not null default 0,
  last_sequence integer not null default 1,
  price_micros_per_second bigint not null,
  held_micros bigint not null check (held_micros >= 0),
  captured_micros bigint check (captured_micros >= 0),
  started_by text not null default 'caller' check (started_by in ('caller', 'pipeline')),
  provider_cancel text check (provider_cancel in ('confirmed', 'unsupported', 'too_late')),
  error_code text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  -- The dispatcher's marks.
  claimed_until timestamptz,
  dispatched_at timestamptz,
  cancel_requested_at timestamptz,
  cancel_delivered_at timestamptz,
  check ((state in ('succeeded', 'failed', 'canceled')) = (finished_at is not null)),
  check ((state = 'failed') = (error_code is not null))
);
create index jobs_of_workspace on jobs (workspace_id, id desc);
create index jobs_open on jobs (workspace_id) where state in ('queued', 'running');
create index jobs_to_start on jobs (workspace_id, id) where state = 'queued' and dispatched_at is null;
create index jobs_to_cancel on jobs (id)
  where cancel_requested_at is not null and cancel_delivered_at is null and state in ('queued', 'running');
create index jobs_finished on jobs (workspace_id, finished_at) where finished_at is not null;

create table job_events (
  job_id text not null references jobs,
  sequence integer not null,
  type text not null,
  data jsonb not null default '{}',
  created_at timestamptz not null default now(),
  primary key (job_id, sequence)
);

create table idempotency_keys (
  workspace_id text not null references workspaces,
  key text not null,
  request_sha256 bytea not null,
  job_id text not null references jobs deferrable initially deferred,
  created_at timestamptz not null default now(),
  primary key (workspace_id, key)
);

-- One try at one provider. Written before the provider is called: a crash in between leaves a trace of a possible charge.
create table attempts (
  job_id text not null references jobs,
  number integer not null check (number > 0),
  account text not null,
  upstream_model text not null,
  attempt_key text not null unique,
  state text not null default 'intended' check (
    state in ('intended', 'not_sent', 'accepted', 'refused', 'unknown', 'succeeded', 'failed', 'abandoned')
  ),
  task jsonb,
  files jsonb,
  -- What the provider bills for the whole task, and whether it does.
  cost_micros bigint not null check (cost_micros >= 0),
  charged text not null default 'no' check (charged in ('yes', 'no', 'possibly')),
  failure jsonb,
  intended_at timestamptz not null default now(),
  answered_at timestamptz,
  finished_at timestamptz,
  primary key (job_id, number)
);

create table artifacts (
  id text primary key,
  workspace_id text not null references workspaces,
  job_id text references jobs deferrable initially deferred,
  role text not null check (role in ('input', 'video')),
  variant integer,
  location text not null unique,
  bytes bigint not null check (bytes > 0),
  sha256 text not null,
  content_type text not null,
  width integer,
  height integer,
  duration_seconds double precision,
  frames_per_second double precision,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  deleted_at timestamptz
);
create unique index artifacts_of_job on artifacts (job_id, role, variant) where role <> 'input';
create index artifact_inputs_of_job on artifacts (job_id) where role = 'input';

-- Balance is credits minus debits, for every account: all balances together are always 0.
create table ledger_accounts (
  id bigint generated always as identity primary key,
  workspace_id text references workspaces,
  kind text not null check (
    kind in ('available', 'held', 'revenue', 'provider_cost', 'provider_payable', 'funding')
  ),
  balance_micros bigint not null default 0,
  unique nulls not distinct (workspace_id, kind),
  check ((workspace_id is not null) = (kind in ('available', 'held'))),
  constraint ledger_accounts_not_overdrawn check (kind not in ('available', 'held') or balance_micros >= 0)
);
insert into ledger_accounts (kind) values ('revenue'), ('provider_cost'), ('provider_payable'), ('funding');

-- Append only: a correction is a new entry.
create table ledger_transfers (
  id bigint generated always as identity primary key,
  kind text not null check (
    kind in ('top_up', 'hold', 'capture', 'release', 'release_rest', 'provider_cost', 'correction')
  ),
  debit_account_id bigint not null references ledger_accounts,
  credit_account_id bigint not null references ledger_accounts,
  amount_micros bigint not null check (amount_micros > 0),
  job_id text references jobs deferrable initially deferred,
  attempt integer,
  reference text,
  created_at timestamptz not null default now(),
  check (debit_account_id <> credit_account_id)
);
create unique index ledger_transfers_once on ledger_transfers (job_id, kind, attempt) nulls not distinct
  where job_id is not null;

-- How a job's hold was resolved: once, in the transaction of its transfers.
create table settlements (
  job_id text primary key references jobs,
  captured_micros bigint not null check (captured_micros >= 0),
  released_micros bigint not null check (released_micros >= 0),
  delivered_seconds double precision not null default 0,
  created_at timestamptz not null default now()
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append only', tg_table_name;
end
$$;
create trigger ledger_transfers_append_only before update or delete on ledger_transfers
  for each row execute function refuse_change();
create trigger job_events_append_only before update or delete on job_events
  for each row execute function refuse_change();

create function ledger_account(in_workspace_id text, in_kind text) returns bigint language sql stable as $$
  select id from ledger_accounts where workspace_id is not distinct from in_workspace_id and kind = in_kind
$$;

-- The one way in which money moves: both balances and the entry in one statement, accounts locked in the order
-- available, held, own. A debit that would overdraw a workspace's account fails on ledger_accounts_not_overdrawn.
-- An amount of 0 moves nothing and leaves no entry.
create function ledger_post(
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

-- Down Migration

drop function ledger_post;
drop function ledger_account;
drop table settlements, ledger_transfers, ledger_accounts, artifacts, attempts, idempotency_keys, job_events, jobs,
  api_keys, workspaces;
drop function refuse_change;

-- Up Migration

alter table jobs
  -- Where the caller wants to be told; in the words of the job's dialect.
  add column callback_url text,
  -- Deleted by the caller: gone for every reader, kept for the ledger.
  add column deleted_at timestamptz;

-- Stills of a video are made when somebody first asks for them.
alter table artifacts drop constraint artifacts_role_check;
alter table artifacts add constraint artifacts_role_check
  check (role in ('input', 'video', 'thumbnail', 'spritesheet'));

-- How each provider account does, for all processes; a row with a model is about that model there. No row: nothing went wrong.
create table provider_health (
  account text not null,
  upstream_model text not null default '',
  failures integer not null default 0 check (failures >= 0),
  window_started_at timestamptz not null default now(),
  -- Jobs are sent elsewhere until then.
  open_until timestamptz,
  reason text,
  updated_at timestamptz not null default now(),
  primary key (account, upstream_model)
);

-- Down Migration

drop table provider_health;
delete from artifacts where role in ('thumbnail', 'spritesheet');
alter table artifacts drop constraint artifacts_role_check;
alter table artifacts add constraint artifacts_role_check check (role in ('input', 'video'));
alter table jobs drop column callback_url, drop column deleted_at;

-- Up Migration

-- What becomes of a job when nobody can say whether a provider took it.
alter table workspaces add column unknown_policy text not null default 'fail'
  check (unknown_policy in ('fail', 'failover', 'hold'));

-- When the dispatcher last made sure that the job has a workflow.
alter table jobs add column swept_at timestamptz;
create index jobs_to_sweep on jobs (swept_at nulls first)
  where state in ('queued', 'running') and dispatched_at is not null;

alter table attempts
  -- When a task that nobody waits for was last looked at, and when that ended: with the provider's word or a day later.
  add column watched_at timestamptz,
  add column watch_ended_at timestamptz;
create index attempts_to_watch on attempts (watched_at nulls first) where state = 'abandoned' and watch_ended_at is null;

-- Tasks that a provider lists and no attempt owns, and what was made of each.
create table provider_orphans (
  account text not null,
  task_id text not null,
  upstream_model text not null,
  resolution text not null check (resolution in ('adopted', 'canceled', 'written_off')),
  -- The attempt that adopted it.
  job_id text references jobs,
  attempt integer,
  -- What the provider bills for it, as far as can be told.
  cost_micros bigint not null default 0 check (cost_micros >= 0),
  listed_at timestamptz,
  found_at timestamptz not null default now(),
  primary key (account, task_id),
  check ((resolution = 'adopted') = (job_id is not null))
);

-- Down Migration

drop table provider_orphans;
drop index attempts_to_watch;
alter table attempts drop column watched_at, drop column watch_ended_at;
drop index jobs_to_sweep;
alter table jobs drop column swept_at;
alter table workspaces drop column unknown_policy;

-- Up Migration

alter table attempts
  -- Of the secret in the address that the provider may call back at; the secret itself is with the provider alone.
  add column callback_token_sha256 bytea,
  -- The first callback, as far as it is kept: it is a claim, and wakes whoever asks the provider.
  add column callback_at timestamptz,
  add column callback_task_id text,
  add column callback_sha256 bytea,
  add column callback_excerpt text,
  add column callback_count integer not null default 0,
  -- The dispatcher's marks: how often the workflow is to be woken, and was.
  add column callback_wakes_wanted integer not null default 0,
  add column callback_wakes_delivered integer not null default 0,
  add column callback_claimed_until timestamptz;
create unique index attempts_of_callback on attempts (callback_token_sha256) where callback_token_sha256 is not null;
create index attempts_to_wake on attempts (callback_at) where callback_wakes_wanted > callback_wakes_delivered;

-- Signed callbacks about tasks that no attempt has yet: the answer to their submit may be on its way.
create table early_callbacks (
  account text not null,
  task_id text not null,
  body_sha256 bytea not null,
  excerpt text not null,
  received_at timestamptz not null default now(),
  primary key (account, task_id)
);
create index early_callbacks_by_age on early_callbacks (received_at);

-- Down Migration

drop table early_callbacks;
drop index attempts_to_wake, attempts_of_callback;
alter table attempts drop column callback_token_sha256, drop column callback_at, drop column callback_task_id,
  drop column callback_sha256, drop column callback_excerpt, drop column callback_count,
  drop column callback_wakes_wanted, drop column callback_wakes_delivered, drop column callback_claimed_until;

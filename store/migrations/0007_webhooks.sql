-- Up Migration

-- A type prefix and a sortable suffix, as runtime/ids.ts makes them, for rows that a statement writes by itself.
create function new_id(in_prefix text) returns text language sql volatile as $$
  select in_prefix || '_' || string_agg(
    substr('0123456789abcdefghjkmnpqrstvwxyz', substring(bits from 5 * place + 1 for 5)::bit(5)::integer + 1, 1), '' order by place)
  from (
    select B'00' || ('x' || lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
      || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::bit(128) as bits
  ) made, generate_series(0, 25) place
$$;

-- 244 random bits, as Standard Webhooks writes them.
create function new_webhook_secret() returns text language sql volatile as $$
  select 'whsec_' || encode(decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64')
$$;

alter table workspaces
  -- Signs what is sent to the addresses that single jobs name. The secret before it signs as well until its overlap ends.
  add column webhook_secret text not null default new_webhook_secret(),
  add column webhook_previous_secret text,
  add column webhook_previous_secret_until timestamptz;

create table webhook_endpoints (
  id text primary key,
  workspace_id text not null references workspaces,
  url text not null,
  description text not null default '',
  -- Null: every event.
  event_types text[] check (cardinality(event_types) > 0),
  secret text not null default new_webhook_secret(),
  previous_secret text,
  previous_secret_until timestamptz,
  disabled_at timestamptz,
  disabled_because text check (disabled_because in ('caller', 'gone')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- Kept for its deliveries.
  deleted_at timestamptz,
  check ((previous_secret is null) = (previous_secret_until is null)),
  check ((disabled_at is null) = (disabled_because is null))
);
create index webhook_endpoints_of_workspace on webhook_endpoints (workspace_id, id) where deleted_at is null;

-- One event, told under one id to whoever is to hear of it.
create table webhook_messages (
  id text primary key,
  workspace_id text not null references workspaces,
  type text not null,
  subject_kind text not null check (subject_kind in ('job', 'pipeline', 'endpoint', 'delivery')),
  subject_id text not null,
  created_at timestamptz not null default now()
);
create index webhook_messages_of_subject on webhook_messages (subject_id);
create unique index webhook_messages_of_job_once on webhook_messages (subject_id, type) where subject_kind = 'job';

-- A message on its way to one address: that of an endpoint, or one that its subject was given.
create table webhook_deliveries (
  id text primary key,
  message_id text not null references webhook_messages,
  workspace_id text not null references workspaces,
  endpoint_id text references webhook_endpoints,
  url text,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'exhausted', 'canceled')),
  attempts integer not null default 0,
  -- Where it stands on the schedule of this sending. Each sending is a workflow of its own.
  sending integer not null default 1,
  step integer not null default 0,
  next_attempt_at timestamptz default now(),
  last_attempt_at timestamptz,
  last_status integer,
  last_error text,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  -- The dispatcher's marks.
  claimed_until timestamptz,
  dispatched_at timestamptz,
  swept_at timestamptz,
  check (endpoint_id is null or url is null),
  check ((state = 'pending') = (ended_at is null)),
  check ((state = 'pending') = (next_attempt_at is not null))
);
create index webhook_deliveries_of_message on webhook_deliveries (message_id);
create index webhook_deliveries_of_workspace on webhook_deliveries (workspace_id, id desc);
create index webhook_deliveries_of_endpoint on webhook_deliveries (endpoint_id, id desc) where endpoint_id is not null;
create index webhook_deliveries_to_start on webhook_deliveries (workspace_id, id)
  where state = 'pending' and dispatched_at is null;
create index webhook_deliveries_to_sweep on webhook_deliveries (next_attempt_at)
  where state = 'pending' and dispatched_at is not null;

create table webhook_tries (
  delivery_id text not null references webhook_deliveries,
  number integer not null check (number > 0),
  started_at timestamptz not null,
  duration_ms integer not null,
  status integer,
  error text check (error in ('status', 'timeout', 'network', 'tls', 'address_refused')),
  detail text,
  -- The beginning of what was answered.
  answer text not null default '',
  primary key (delivery_id, number)
);

-- The one way in which an event is queued, called in the transaction of what it tells of: one message, and a delivery to each endpoint that
-- wants it and to the subject's own address. Where nobody is to hear of it, nothing is written. Answers how many deliveries there are.
create function queue_webhook(
  in_workspace_id text, in_type text, in_subject_kind text, in_subject_id text,
  in_url text default null, in_except_endpoint_id text default null
) returns integer language plpgsql as $$
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
$$;

-- Down Migration

drop function queue_webhook;
drop table webhook_tries, webhook_deliveries, webhook_messages, webhook_endpoints;
alter table workspaces
  drop column webhook_secret, drop column webhook_previous_secret, drop column webhook_previous_secret_until;
drop function new_webhook_secret;
drop function new_id;

-- Up Migration

-- Taken out of every reader's sight, with its jobs and its files; what money moved for it stays in the ledger.
alter table pipelines
  add column deleted_at timestamptz,
  add constraint pipelines_deleted_check check (deleted_at is null or finished_at is not null);

-- Down Migration

alter table pipelines drop column deleted_at;

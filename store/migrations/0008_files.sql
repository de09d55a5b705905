-- Up Migration

-- Files that callers upload, under ids of their own. The same bytes of a workspace lie in the store once, however many rows name them.
alter table artifacts
  drop constraint artifacts_location_key,
  drop constraint artifacts_role_check,
  add constraint artifacts_role_check check (role in ('input', 'file', 'video', 'thumbnail', 'spritesheet')),
  add constraint artifacts_file_check check (role <> 'file' or job_id is null);
create index artifacts_by_location on artifacts (location);
create index artifact_files_of_workspace on artifacts (workspace_id, id) where role = 'file';
create index artifacts_to_share on artifacts (workspace_id, sha256) where role in ('input', 'file') and deleted_at is null;

-- Who names bytes that others name already holds one of those rows until it commits: bytes are removed under a lock of all their rows,
-- so either the remover sees the new row, or the new row is refused.
create function share_bytes() returns trigger language plpgsql as $$
begin
  perform from artifacts
    where location = new.location and deleted_at is null and expires_at > now() limit 1 for share;
  if not found and exists (select from artifacts where location = new.location) then
    raise exception 'the bytes at % are no longer kept', new.location
      using errcode = 'check_violation', constraint = 'artifact_bytes_kept';
  end if;
  return new;
end
$$;
create trigger artifacts_share_bytes before insert on artifacts
  for each row when (new.role in ('input', 'file')) execute function share_bytes();

-- A key belongs to what it made: a job or a file.
alter table idempotency_keys
  alter column job_id drop not null,
  add column file_id text references artifacts deferrable initially deferred;

-- Down Migration

delete from idempotency_keys where file_id is not null;
alter table idempotency_keys
  drop column file_id,
  alter column job_id set not null;
drop trigger artifacts_share_bytes on artifacts;
drop function share_bytes;
delete from artifacts where role = 'file';
drop index artifacts_by_location, artifact_files_of_workspace, artifacts_to_share;
alter table artifacts
  drop constraint artifacts_file_check,
  drop constraint artifacts_role_check,
  add constraint artifacts_role_check check (role in ('input', 'video', 'thumbnail', 'spritesheet')),
  add constraint artifacts_location_key unique (location);

-- Up Migration

-- Attempts without an answer that a callback names a task for: looked at when their job has ended.
create index attempts_called_back_late on attempts (job_id)
  where state = 'unknown' and callback_task_id is not null and watch_ended_at is null;

-- Down Migration

drop index attempts_called_back_late;

-- Up Migration

-- A provider's verdict may come when the job has long been settled: its cost is booked at that moment, whoever learns of it.
-- The settlement holds the job's row too, so each cost is seen by one of the two.
create function book_late_provider_cost() returns trigger language plpgsql as $$
begin
  perform 1 from jobs where id = new.job_id for no key update;
  if exists (select from settlements where job_id = new.job_id) then
    perform ledger_post('provider_cost', ledger_account(null, 'provider_cost'), ledger_account(null, 'provider_payable'),
      new.cost_micros, new.job_id, new.number);
  end if;
  return null;
end
$$;
create trigger attempts_book_late_cost after update of charged on attempts for each row
  when (new.charged = 'yes' and old.charged <> 'yes') execute function book_late_provider_cost();

-- Tasks whose verdict is open: once their job has ended, the sweep looks at them.
drop index attempts_to_watch;
create index attempts_to_watch on attempts (job_id) where state in ('accepted', 'abandoned') and watch_ended_at is null;

-- Who owns a task that a provider lists.
create index attempts_of_task on attempts ((task->>'id'), account) where task is not null;
-- Lost submits that a listed task may have come of.
create index attempts_unanswered on attempts (account, intended_at) where state in ('intended', 'unknown');

-- Down Migration

drop index attempts_unanswered;
drop index attempts_of_task;
drop index attempts_to_watch;
create index attempts_to_watch on attempts (watched_at nulls first) where state = 'abandoned' and watch_ended_at is null;
drop trigger attempts_book_late_cost on attempts;
drop function book_late_provider_cost;

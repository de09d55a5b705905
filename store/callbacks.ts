import type { AttemptRef } from '../contract/plan.js';
import type { CallbackClaim } from '../contract/provider.js';
import type { Database } from './database.js';

/** A callback as it is kept. `bodySha256` tells one that was sent twice from one that says more. */
export type ReceivedCallback = CallbackClaim & { account: string; bodySha256: Buffer };

/** A workflow that is to be woken. `wake` is the number of this time. */
export type Wake = AttemptRef & { wake: number };

export type Callbacks = ReturnType<typeof createCallbacks>;

/** An attempt is woken so often at most, whatever calls: polling finds the rest. */
const MAX_WAKES = 5;
/** Another process may deliver a wake after this time, when whoever claimed it has died. */
const CLAIM_SECONDS = 10;
/** The answer to a submit is known long before this, or never. */
const EARLY_MINUTES = 60;

/** Keeps the first callback and the first task that is named. Whoever waits for the provider is woken by a callback, not by its repetition. */
const receive = (claim: {
  taskId: string;
  bodySha256: string;
  excerpt: string;
}) => `callback_count = callback_count + 1,
        callback_at = coalesce(callback_at, now()), callback_task_id = coalesce(callback_task_id, ${claim.taskId}),
        callback_sha256 = coalesce(callback_sha256, ${claim.bodySha256}),
        callback_excerpt = coalesce(callback_excerpt, ${claim.excerpt}),
        callback_wakes_wanted = callback_wakes_wanted + case
          when attempts.state in ('intended', 'unknown', 'accepted') and callback_wakes_wanted < ${MAX_WAKES}
            and callback_sha256 is distinct from ${claim.bodySha256} then 1 else 0 end`;

const fromCaller = receive({ taskId: '$2', bodySha256: '$3', excerpt: '$4' });

const byTokenStatement = {
  name: 'receive_callback_by_token',
  text: `update attempts set ${fromCaller}
    where callback_token_sha256 = $5 and account = $1 returning job_id as "jobId", number as attempt`,
};

const knowsStatement = {
  name: 'knows_callback_token',
  text: 'select from attempts where callback_token_sha256 = $2 and account = $1',
};

const byTaskStatement = {
  name: 'receive_callback_by_task',
  text: `with attempt as (
      update attempts set ${fromCaller} where task->>'id' = $2 and account = $1 and task is not null
      returning job_id as "jobId", number as attempt
    ), early as (
      insert into early_callbacks (account, task_id, body_sha256, excerpt)
      select $1, $2, $3, $4 where not exists (select from attempt) on conflict do nothing
    )
    select * from attempt`,
};

const adoptStatement = {
  name: 'adopt_early_callbacks',
  text: `with early as (
      delete from early_callbacks using attempts
      where attempts.account = early_callbacks.account and attempts.task->>'id' = early_callbacks.task_id
        and attempts.task is not null
      returning attempts.job_id, attempts.number, task_id, body_sha256, excerpt
    )
    update attempts set ${receive({ taskId: 'early.task_id', bodySha256: 'early.body_sha256', excerpt: 'early.excerpt' })}
    from early where attempts.job_id = early.job_id and attempts.number = early.number`,
};

const forgetStatement = {
  name: 'forget_early_callbacks',
  text: `delete from early_callbacks where received_at < now() - ${EARLY_MINUTES} * interval '1 minute'`,
};

const claimStatement = {
  name: 'claim_wakes',
  text: `with chosen as (
      select job_id, number from attempts
      where callback_wakes_wanted > callback_wakes_delivered
        and (callback_claimed_until is null or callback_claimed_until < now())
      order by callback_at limit $1 for update skip locked
    )
    update attempts set callback_claimed_until = now() + ${CLAIM_SECONDS} * interval '1 second'
    from chosen where attempts.job_id = chosen.job_id and attempts.number = chosen.number
    returning attempts.job_id as "jobId", attempts.number as attempt, callback_wakes_wanted as wake`,
};

const refs = `from unnest($1::text[], $2::integer[], $3::integer[]) as wake (job_id, number, wake)
    where attempts.job_id = wake.job_id and attempts.number = wake.number`;

const deliveredStatement = {
  name: 'mark_wakes_delivered',
  text: `update attempts set callback_claimed_until = null,
      callback_wakes_delivered = greatest(callback_wakes_delivered, wake.wake) ${refs}`,
};

const releaseStatement = { name: 'release_wakes', text: `update attempts set callback_claimed_until = null ${refs}` };

/** What providers called back with, and who is still to hear of it. */
export function createCallbacks(database: Database) {
  const { run } = database;

  return {
    /** Whether an attempt of this account has the token, before anything more of a callback is read. */
    async knowsToken({ account, tokenSha256 }: { account: string; tokenSha256: Buffer }): Promise<boolean> {
      const known = await run(knowsStatement, [account, tokenSha256]);
      return known.length > 0;
    },

    /** The attempt whose address was called; undefined for a token that no attempt of this account has. */
    async receiveByToken(callback: ReceivedCallback & { tokenSha256: Buffer }): Promise<AttemptRef | undefined> {
      const [attempt] = await run<AttemptRef>(byTokenStatement, [...valuesOf(callback), callback.tokenSha256]);
      return attempt;
    },

    /** The attempt that owns the task. Where none does yet, the callback is kept until one does. */
    async receiveByTask(callback: ReceivedCallback & { taskId: string }): Promise<AttemptRef | undefined> {
      const [attempt] = await run<AttemptRef>(byTaskStatement, valuesOf(callback));
      return attempt;
    },

    /** Gives callbacks that came before the answer to their submit to the attempts that own their tasks by now. */
    async adoptEarly(): Promise<void> {
      await run(adoptStatement, []);
      await run(forgetStatement, []);
    },

    /** Takes up to `limit` wakes that nobody else is delivering, oldest first. */
    claim: (limit: number) => run<Wake>(claimStatement, [limit]),

    async markDelivered(wakes: readonly Wake[]): Promise<void> {
      await run(deliveredStatement, columnsOf(wakes));
    },

    /** Gives claims back, for whoever comes next. */
    async release(wakes: readonly Wake[]): Promise<void> {
      await run(releaseStatement, columnsOf(wakes));
    },
  };
}

function valuesOf({ account, taskId, bodySha256, excerpt }: ReceivedCallback): unknown[] {
  return [account, taskId, bodySha256, excerpt];
}

function columnsOf(wakes: readonly Wake[]): unknown[] {
  return [wakes.map(({ jobId }) => jobId), wakes.map(({ attempt }) => attempt), wakes.map(({ wake }) => wake)];
}

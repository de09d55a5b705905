import type { ProviderErrorClass } from '../contract/provider-errors.js';
import type { Config } from '../runtime/config.js';
import { createCachedCopy } from './cached-copy.js';
import type { Database } from './database.js';

/** A model at an account: where a job is sent. */
export type Place = { account: string; upstreamModel: string };

/** What a submit or a verdict says of an account. `done`: it took the task, or finished it. */
export type HealthOutcome = 'done' | 'stalled' | ProviderErrorClass;

export type HealthReport = Place & {
  /** Trouble with submits is over when a submit is taken, trouble with tasks when a task is finished. */
  stage: 'submission' | 'generation';
  outcome: HealthOutcome;
  /** It was sent although the breaker was open or to be tried, so it decides whatever the breaker says. */
  isTrial?: boolean;
};

/** `closed`: send. `trial`: this one may try whether all is well again. `open`: send it elsewhere. */
export type Admission = 'closed' | 'trial' | 'open';

export type HealthChange = 'opened' | 'closed' | 'none';

export type HealthRow = {
  account: string;
  /** Null where the row is about the whole account. */
  upstreamModel: string | null;
  state: 'open' | 'half-open' | 'closed';
  failures: number;
  openUntil: Date | null;
  reason: string | null;
};

export type HealthSettings = Pick<
  Config,
  'BREAKER_FAILURES' | 'BREAKER_WINDOW_MS' | 'BREAKER_OPEN_MS' | 'BREAKER_STOPPED_MS' | 'MODEL_RETIRED_MS'
>;

export type ProviderHealth = ReturnType<typeof createProviderHealth>;

/** `well`: the account answers as it should. `nothing`: no word on its health, such as a busy account or somebody else's fault. */
const effects = {
  done: 'well',
  INPUT_INVALID: 'well',
  CONTENT_REFUSED: 'well',
  stalled: 'failure',
  OVERLOADED: 'failure',
  NETWORK: 'failure',
  PROVIDER_INTERNAL: 'failure',
  OUTCOME_UNKNOWN: 'failure',
  AUTH: 'stops_account',
  BALANCE: 'stops_account',
  MODEL_RETIRED: 'stops_model',
  RATE_LIMITED: 'nothing',
  CONCURRENCY: 'nothing',
  NOT_FOUND: 'nothing',
  RESULT_MISSING: 'nothing',
  RESULT_EXPIRED: 'nothing',
  RESULT_INVALID: 'nothing',
} as const satisfies Record<HealthOutcome, string>;

const milliseconds = (parameter: string) => `${parameter} * interval '1 millisecond'`;

const readStatement = {
  name: 'read_provider_health',
  text: `select account, upstream_model, reason,
      extract(epoch from open_until - now())::double precision * 1000 as open_for_ms from provider_health`,
};

const isNewWindow = `health.open_until is null and health.window_started_at <= now() - ${milliseconds('$3')}`;
const failuresNow = `(case when ${isNewWindow} then 1 else health.failures + 1 end)`;
const opensUntil = `now() + ${milliseconds('$4')}`;

/**
 * One statement, so that failures that come together are each counted. Nothing more is counted against an account that is left
 * alone already; one that is to be tried is left alone again at the first failure of the kind that it was left alone for.
 */
const failStatement = {
  name: 'count_provider_failure',
  text: `insert into provider_health as health (account, failures, open_until, reason)
    values ($1, 1, case when $2::integer <= 1 then ${opensUntil} end, $5)
    on conflict (account, upstream_model) do update set
      failures = ${failuresNow},
      window_started_at = case when ${isNewWindow} then now() else health.window_started_at end,
      open_until = case when health.open_until is not null then greatest(health.open_until, ${opensUntil})
        when ${failuresNow} >= $2 then ${opensUntil} end,
      reason = case when health.open_until > ${opensUntil} then health.reason else excluded.reason end,
      updated_at = now()
    where $6 or health.open_until is null or (health.open_until <= now() and starts_with(health.reason, $7))
    returning coalesce(open_until > now(), false) as opened`,
};

const stopStatement = {
  name: 'stop_provider',
  text: `insert into provider_health as health (account, upstream_model, failures, open_until, reason)
    values ($1, $2, 1, now() + ${milliseconds('$3')}, $4)
    on conflict (account, upstream_model) do update set failures = health.failures + 1,
      open_until = excluded.open_until, reason = excluded.reason, updated_at = now()
    where $5 or health.open_until is null or health.open_until <= now() or health.reason is distinct from excluded.reason
    returning open_until > now() as opened`,
};

/** An answer to what was sent before the breaker opened does not close it. */
const clearStatement = {
  name: 'clear_provider_health',
  text: `delete from provider_health where account = $1 and upstream_model in ('', $2) and starts_with(reason, $3)
      and ($4 or open_until is null or open_until <= now())
    returning open_until is not null as was_open`,
};

/** Of all who would try at once, one may, and the others wait for what comes of it. */
const claimStatement = {
  name: 'claim_provider_trial',
  text: `update provider_health set open_until = now() + ${milliseconds('$3')}, updated_at = now()
    where account = $1 and upstream_model in ('', $2) and open_until <= now() returning account`,
};

type CopiedRow = { account: string; upstream_model: string; reason: string | null; open_for_ms: number | null };

/**
 * How the provider accounts do, in rows that all processes share: a circuit breaker for each account, and for a model at it.
 * Only trouble has a row, and everybody reads a copy, so that it costs nothing while all is well.
 */
export function createProviderHealth(database: Database, settings: HealthSettings) {
  const { run } = database;
  const copy = createCachedCopy(() => run<CopiedRow>(readStatement, []));

  return {
    /** Counts what came of a submit or a task. */
    async report({ account, upstreamModel, stage, outcome, isTrial = false }: HealthReport): Promise<HealthChange> {
      const kind = `${stage}:`;
      const reason = `${kind} ${outcome}`;
      switch (effects[outcome]) {
        case 'nothing':
          return 'none';
        case 'well': {
          const { value: rows } = await copy.get();
          const isTrouble = (row: CopiedRow) =>
            isAbout(row, { account, upstreamModel }) && row.reason?.startsWith(kind);
          if (!rows.some(isTrouble)) return 'none';
          const cleared = await run<{ was_open: boolean }>(clearStatement, [account, upstreamModel, kind, isTrial]);
          copy.forget();
          return cleared.some((row) => row.was_open) ? 'closed' : 'none';
        }
        case 'failure': {
          const { BREAKER_FAILURES, BREAKER_WINDOW_MS, BREAKER_OPEN_MS } = settings;
          const values = [account, BREAKER_FAILURES, BREAKER_WINDOW_MS, BREAKER_OPEN_MS, reason, isTrial, kind];
          return opening(failStatement, values);
        }
        case 'stops_account':
          return opening(stopStatement, [account, '', settings.BREAKER_STOPPED_MS, reason, isTrial]);
        case 'stops_model':
          return opening(stopStatement, [account, upstreamModel, settings.MODEL_RETIRED_MS, reason, isTrial]);
      }
    },

    isOpen,

    /** Whether a submit may go there now; the one answered `trial` says with its report how the account does. */
    async admit(place: Place): Promise<Admission> {
      const openings = await openingsAt(place);
      if (openings.length === 0) return 'closed';
      if (openings.some((openForMs) => openForMs > 0)) return 'open';
      const claimed = await run(claimStatement, [place.account, place.upstreamModel, settings.BREAKER_OPEN_MS]);
      copy.forget();
      if (claimed.length > 0) return 'trial';
      return (await isOpen(place)) ? 'open' : 'closed';
    },

    ...createHealthList(database),
  };

  async function isOpen(place: Place): Promise<boolean> {
    return (await openingsAt(place)).some((openForMs) => openForMs > 0);
  }

  /** For how long the breakers of a place that have opened stay so, by the database's clock; what is over is not above zero. */
  async function openingsAt(place: Place): Promise<number[]> {
    const { value: rows, readAtMs } = await copy.get();
    const ageMs = performance.now() - readAtMs;
    return rows
      .filter((row) => isAbout(row, place))
      .flatMap((row) => (row.open_for_ms === null ? [] : [row.open_for_ms - ageMs]));
  }

  async function opening(statement: typeof failStatement, values: unknown[]): Promise<HealthChange> {
    const [row] = await run<{ opened: boolean }>(statement, values);
    if (row) copy.forget();
    return row?.opened ? 'opened' : 'none';
  }
}

function isAbout(row: CopiedRow, { account, upstreamModel }: Place): boolean {
  return row.account === account && (row.upstream_model === '' || row.upstream_model === upstreamModel);
}

const listStatement = {
  name: 'list_provider_health',
  text: `select account, nullif(upstream_model, '') as "upstreamModel", failures, open_until as "openUntil", reason,
      case when open_until > now() then 'open' when open_until is not null then 'half-open' else 'closed' end as state
    from provider_health order by account, upstream_model`,
};

const resetStatement = {
  name: 'reset_provider_health',
  text: 'delete from provider_health where account = $1 returning account',
};

/** What operators see and do. */
export function createHealthList({ run }: Database) {
  return {
    /** Accounts and models that had trouble since they last did well. */
    list: () => run<HealthRow>(listStatement, []),

    /** Forgets what is held against an account and its models; every process hears of it within about a second. */
    async reset(account: string): Promise<{ rows: number }> {
      const forgotten = await run(resetStatement, [account]);
      return { rows: forgotten.length };
    },
  };
}

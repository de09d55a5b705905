import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { buildIdOf } from './build-id.js';
import { findProjectRoot } from './root.js';
import { settingOf } from './setting.js';

const milliseconds = (fallback: number) => z.coerce.number().int().positive().default(fallback);
/** Nought switches off what it is the length of. */
const spell = (fallback: number) => z.coerce.number().int().nonnegative().default(fallback);
const count = (fallback: number) => z.coerce.number().int().positive().default(fallback);
const MINUTE_MS = 60_000;

/** Every setting of the api and the worker, from the environment. A name ending in `_FILE` reads the value from that file. */
const configSchema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  DATABASE_POOL_SIZE: count(10),
  /** Off behind a pooler that does not pass NOTIFY on, such as PgBouncer in transaction mode: changes are then found by looking each second. */
  DATABASE_NOTIFY: z.stringbool().default(true),
  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  /** Where operators look at workflows; links are shown to keys with the scope `operator`. */
  TEMPORAL_UI_URL: z.url().optional(),
  ARTIFACTS_URL: z.url({ protocol: /^(file|s3)$/ }).optional(),
  /** The address of an S3 server other than Amazon's. */
  S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  S3_REGION: z.string().optional(),
  /** Whether the bucket stands in the path of addresses rather than before the host; it does where there is an endpoint of its own. */
  S3_FORCE_PATH_STYLE: z.stringbool().optional(),
  /** The words of Amazon's own tools. Without a key, their other ways to find one are tried. */
  AWS_REGION: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
  /** Where files lie that are on their way to or from S3. */
  SCRATCH_DIR: z.string().optional(),
  /** Whether links that need no key are answered by us, or lead on to signed addresses of the object storage. */
  ARTIFACT_LINKS: z.enum(['proxy', 'presigned']).default('proxy'),
  CATALOGUE_FILE: z.string().optional(),
  API_HOST: z.string().default('127.0.0.1'),
  API_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  /** The address that callers know us by; signed links are built from it. */
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Signs content links; at least 32 characters. */
  LINK_SECRET: z.string().min(32),
  LINK_LIFETIME_SECONDS: count(24 * 60 * 60),
  /** Loopback ports that result addresses may point at, comma-separated. For development only. */
  ALLOW_LOOPBACK_PORTS: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter(Boolean).map(Number))
    .pipe(z.array(z.int().min(1).max(65_535))),
  ALLOW_HTTP_PROVIDERS: z.stringbool().default(false),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  MAX_BODY_BYTES: count(64 * 1024 * 1024),
  MAX_ARTIFACT_BYTES: count(4 * 1024 * 1024 * 1024),
  ARTIFACT_RETENTION_DAYS: count(30),
  /** A stored file that no row names is removed after this, nought: never. Longer than a download takes, and than it takes to miss a row. */
  UNOWNED_FILES_LIVE_MS: spell(24 * 60 * MINUTE_MS),
  /** Workflow starts a second, by each process that runs a dispatcher. */
  STARTS_PER_SECOND: count(30),
  /** Looks a second over all jobs; the interval between looks stretches to keep below it. */
  LOOKS_PER_SECOND: count(100),
  WORKER_CACHED_WORKFLOWS: count(1000),
  /** A worker that is told to stop gives its downloads back after this, for another to begin again. */
  WORKER_GRACE_MS: milliseconds(20_000),
  /** Who continues a running job when builds differ: any build (`off`), the current one, or the one that began it. */
  WORKER_VERSIONING: z.enum(['off', 'auto_upgrade', 'pinned']).default('off'),
  /** The workers of one service, of every build, have one name. */
  WORKER_DEPLOYMENT: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .default('reelay'),
  WORKER_BUILD_ID: z
    .string()
    .regex(/^[\w.+-]{1,128}$/)
    .optional(),
  SUBMIT_TIMEOUT_MS: milliseconds(60_000),
  LOOK_TIMEOUT_MS: milliseconds(6_000),
  DOWNLOAD_TIMEOUT_MS: milliseconds(15 * MINUTE_MS),
  /** One frame or one joined video of a pipeline. */
  STEP_FILE_TIMEOUT_MS: milliseconds(15 * MINUTE_MS),
  TASK_STALL_MS: milliseconds(20 * MINUTE_MS),
  JOB_DEADLINE_MS: milliseconds(60 * MINUTE_MS),
  RECONCILE_GRACE_MS: milliseconds(10 * MINUTE_MS),
  RECONCILE_BLIND_GRACE_MS: milliseconds(10_000),
  /** What a provider took it lists within this time after the time of a submit is over. What is not listed then was never taken. */
  LISTED_AFTER_MS: milliseconds(MINUTE_MS),
  /** How often the workflow of each open job is looked for, and tasks are looked at that their jobs have left. */
  SWEEP_INTERVAL_MS: milliseconds(MINUTE_MS),
  /** A task that its job has left is looked at after this, then ever later, at least so often, until the watch is over. */
  LEFT_TASK_FIRST_LOOK_MS: milliseconds(MINUTE_MS),
  LEFT_TASK_LONGEST_PAUSE_MS: milliseconds(60 * MINUTE_MS),
  LEFT_TASK_WATCH_MS: milliseconds(24 * 60 * MINUTE_MS),
  /** How often provider accounts are asked for tasks that no job owns; nought where others use the same accounts. */
  PROVIDER_SWEEP_INTERVAL_MS: spell(5 * MINUTE_MS),
  PROVIDER_SWEEP_LOOK_BACK_MS: milliseconds(2 * 60 * MINUTE_MS),
  /** The pauses before the tries of a webhook, the first included, comma-separated. By default ten tries within 75 h 35 min. */
  WEBHOOK_SCHEDULE_MS: z
    .string()
    .default('0,5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000')
    .transform((text) => text.split(',').map(Number))
    .pipe(z.array(z.int().nonnegative()).min(1).max(20)),
  WEBHOOK_TIMEOUT_MS: milliseconds(15_000),
  /** How long it can be read, and sent again, what was told to whom. */
  WEBHOOK_LOG_DAYS: count(30),
  WEBHOOK_LONGEST_RETRY_AFTER_MS: spell(24 * 60 * MINUTE_MS),
  RETRY_PAUSE_MS: milliseconds(1_000),
  LONGEST_RETRY_AFTER_MS: milliseconds(10_000),
  /** This many failures of a provider account within the window, and jobs are sent elsewhere for a while. */
  BREAKER_FAILURES: count(5),
  BREAKER_WINDOW_MS: milliseconds(MINUTE_MS),
  BREAKER_OPEN_MS: spell(30_000),
  /** The same, at once, for an account whose credential is refused or whose balance is spent. */
  BREAKER_STOPPED_MS: spell(5 * MINUTE_MS),
  /** For how long a model that its provider calls gone is not asked for there. */
  MODEL_RETIRED_MS: spell(24 * 60 * MINUTE_MS),
});
export type Config = Omit<
  z.infer<typeof configSchema>,
  'ARTIFACTS_URL' | 'CATALOGUE_FILE' | 'PUBLIC_URL' | 'WORKER_BUILD_ID'
> & {
  ARTIFACTS_URL: string;
  CATALOGUE_FILE: string;
  WORKER_BUILD_ID: string;
  PUBLIC_URL: string;
  /** Whether the address was given. Without it, nobody is told to fetch anything from us. */
  HAS_PUBLIC_URL: boolean;
};

/** Reads and checks the settings; throws one error that names every wrong one. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const names = Object.keys(configSchema.shape);
  const given = Object.fromEntries(names.map((name) => [name, settingOf(environment, name)]));
  const parsed = configSchema.safeParse(given);
  if (!parsed.success) throw new Error(`The settings are not valid:\n${z.prettifyError(parsed.error)}`);
  const config = parsed.data;
  const root = findProjectRoot();
  return {
    ...config,
    ARTIFACTS_URL: config.ARTIFACTS_URL ?? pathToFileURL(join(root, '.reelay', 'artifacts')).href,
    CATALOGUE_FILE: config.CATALOGUE_FILE ?? join(root, 'config', 'catalogue.yaml'),
    WORKER_BUILD_ID: config.WORKER_BUILD_ID ?? buildIdOf(root),
    HAS_PUBLIC_URL: config.PUBLIC_URL !== undefined,
    PUBLIC_URL: config.PUBLIC_URL ?? `http://${config.API_HOST}:${config.API_PORT}`,
  };
}

/** What the workers' builds are known by together, and this one alone; for commands that run beside them. */
export function readWorkerNames(environment: NodeJS.ProcessEnv = process.env): { deployment: string; buildId: string } {
  const deployment = configSchema.shape.WORKER_DEPLOYMENT.parse(settingOf(environment, 'WORKER_DEPLOYMENT'));
  const buildId = settingOf(environment, 'WORKER_BUILD_ID') ?? buildIdOf(findProjectRoot());
  return { deployment, buildId };
}

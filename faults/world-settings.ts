const accounts = [
  { prefix: 'OMIXA', path: 'omixa' },
  { prefix: 'OMIXA_2', path: 'omixa-2' },
  { prefix: 'APIXO', path: 'apixo' },
  { prefix: 'PIXAZO', path: 'pixazo' },
  { prefix: 'GLOBALAIOPC', path: 'globalaiopc' },
  { prefix: 'OPENAI_COMPATIBLE', path: 'openai/v1' },
];

const LOOKS_MS = '300';
/** Long enough for a receiver whose machine is busy. */
export const WEBHOOK_SCHEDULE_MS = '0,500,1000,2000,4000';

type Addresses = {
  providersUrl: string;
  /** Where files are had, and where webhooks are told to. */
  openPorts: number[];
  providerKey: string;
  callbackSecret: string;
};

/** What the stack runs with: the real thing, in quicker time, with the providers outside of it and a key that must be seen nowhere. */
export function worldSettings({
  providersUrl,
  openPorts,
  providerKey,
  callbackSecret,
}: Addresses): Record<string, string> {
  const ofAccounts = accounts.flatMap(({ prefix, path }) => [
    [`${prefix}_BASE_URL`, `${providersUrl}/${path}`],
    [`${prefix}_API_KEY`, providerKey],
    [`${prefix}_FIRST_LOOK_MS`, LOOKS_MS],
    [`${prefix}_LOOK_INTERVAL_MS`, LOOKS_MS],
  ]);
  return {
    ...Object.fromEntries(ofAccounts),
    OPENAI_COMPATIBLE_WEBHOOK_SECRET: callbackSecret,
    ALLOW_HTTP_PROVIDERS: 'true',
    ALLOW_LOOPBACK_PORTS: openPorts.join(','),
    STARTS_PER_SECOND: '200',
    SUBMIT_TIMEOUT_MS: '8000',
    LOOK_TIMEOUT_MS: '2500',
    DOWNLOAD_TIMEOUT_MS: '10000',
    UNOWNED_FILES_LIVE_MS: '20000',
    // Longer than any recovery: a task must not be taken for stalled because we were away.
    TASK_STALL_MS: '25000',
    JOB_DEADLINE_MS: '240000',
    // Longer than it takes until a list must show what was taken.
    RECONCILE_GRACE_MS: '20000',
    RECONCILE_BLIND_GRACE_MS: '2500',
    LISTED_AFTER_MS: '5000',
    SWEEP_INTERVAL_MS: '3000',
    LEFT_TASK_FIRST_LOOK_MS: '2000',
    LEFT_TASK_LONGEST_PAUSE_MS: '5000',
    PROVIDER_SWEEP_INTERVAL_MS: '15000',
    WEBHOOK_SCHEDULE_MS,
    // Of a receiver in a process that has much else to do: whose answer is late is told once more.
    WEBHOOK_TIMEOUT_MS: '4000',
    // Each connection to an address that somebody else chose is told of.
    LOG_LEVEL: 'debug',
    RETRY_PAUSE_MS: '100',
    LONGEST_RETRY_AFTER_MS: '5000',
    // A clip has a few hundred kilobytes; what has no end must be cut soon.
    MAX_ARTIFACT_BYTES: String(16 * 1024 * 1024),
    // Episodes share the accounts: what befalls one must not send another elsewhere.
    BREAKER_OPEN_MS: '0',
    BREAKER_STOPPED_MS: '0',
    MODEL_RETIRED_MS: '0',
  };
}

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { settingOf } from '../runtime/setting.js';
import { keptSecret } from './state.js';

/** The provider accounts of the embedded default, by the prefix of their variables and their path in the sandbox. */
const accounts = [
  { prefix: 'OMIXA', path: 'omixa' },
  { prefix: 'OMIXA_2', path: 'omixa-2' },
  { prefix: 'APIXO', path: 'apixo' },
  { prefix: 'PIXAZO', path: 'pixazo' },
  { prefix: 'GLOBALAIOPC', path: 'globalaiopc' },
  { prefix: 'OPENAI_COMPATIBLE', path: 'openai/v1' },
];

/** The sandbox is quicker than those it stands in for. */
const SANDBOX_LOOKS_MS = '1000';

const isOurs = (environment: NodeJS.ProcessEnv, prefix: string) =>
  !environment[`${prefix}_BASE_URL`] && !settingOf(environment, `${prefix}_API_KEY`);

/** False when the operator has set an address or a key for every provider account. */
export function needsSandbox(environment: NodeJS.ProcessEnv): boolean {
  return accounts.some(({ prefix }) => isOurs(environment, prefix));
}

export type Addresses = {
  home: string;
  databaseUrl: string;
  temporalAddress: string;
  temporalUiUrl: string;
  namespace: string;
  apiPort: number;
  /** Left out when no account needs the sandbox. */
  sandbox?: { url: string; port: number };
};

/** What the api and the worker run with: the operator's settings, and ours where there are none. */
export function serviceEnvironment(environment: NodeJS.ProcessEnv, addresses: Addresses): NodeJS.ProcessEnv {
  const { home, databaseUrl, temporalAddress, temporalUiUrl, namespace, apiPort, sandbox } = addresses;
  const ours: NodeJS.ProcessEnv = {
    ARTIFACTS_URL: pathToFileURL(join(home, 'artifacts')).href,
    API_HOST: '127.0.0.1',
    PUBLIC_URL: `http://127.0.0.1:${apiPort}`,
    ...(temporalUiUrl ? { TEMPORAL_UI_URL: temporalUiUrl } : {}),
  };
  if (!settingOf(environment, 'LINK_SECRET')) ours.LINK_SECRET = keptSecret(join(home, 'link-secret'));
  if (sandbox) {
    ours.ALLOW_HTTP_PROVIDERS = 'true';
    for (const { prefix, path } of accounts.filter((account) => isOurs(environment, account.prefix))) {
      ours[`${prefix}_BASE_URL`] = `${sandbox.url}/${path}`;
      ours[`${prefix}_API_KEY`] = 'sandbox';
      ours[`${prefix}_FIRST_LOOK_MS`] = SANDBOX_LOOKS_MS;
      ours[`${prefix}_LOOK_INTERVAL_MS`] = SANDBOX_LOOKS_MS;
    }
  }
  const set = Object.entries(environment).filter(([, value]) => value);
  return {
    ...ours,
    ...Object.fromEntries(set),
    // These are what the stack really has, whether the operator asked for them or not.
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: namespace,
    API_PORT: String(apiPort),
    ALLOW_LOOPBACK_PORTS: [environment.ALLOW_LOOPBACK_PORTS, sandbox?.port].filter(Boolean).join(','),
  };
}

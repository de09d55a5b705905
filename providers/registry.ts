import { z } from 'zod';
import type { ModelAbilities } from '../contract/abilities.js';
import type { Account, Catalogue } from '../contract/catalogue.js';
import type { VideoProvider } from '../contract/provider.js';
import type { Adapter, AdapterSettings } from './adapter.js';
import { apixo } from './apixo/adapter.js';
import { readBaseUrl } from './base-url.js';
import { globalaiopc } from './globalaiopc/adapter.js';
import { createJsonClient, type JsonClient } from './http.js';
import { omixa } from './omixa/adapter.js';
import { openaiVideos } from './openai-videos/adapter.js';
import { pixazo } from './pixazo/adapter.js';

const adapters: ReadonlyMap<string, Adapter> = new Map([
  ['omixa', omixa],
  ['apixo', apixo],
  ['pixazo', pixazo],
  ['globalaiopc', globalaiopc],
  ['openai-videos', openaiVideos],
]);

export type Providers = {
  /** The account's provider; throws for an account that the catalogue does not have or whose key is not set. */
  get(account: string): VideoProvider;
  close(): Promise<void>;
};

type ProvidersSettings = {
  catalogue: Catalogue;
  /** The value of a variable that an account's catalogue entry names. */
  credentials: (variable: string) => string | undefined;
  /** Whether a base address may be plain http: for providers on the same machine. */
  allowHttp: boolean;
};

/** Every provider account of the catalogue. Checks all of them at once, but asks for a key only when its account is used. */
export function createProviders({ catalogue, credentials, allowHttp }: ProvidersSettings): Providers {
  const openers = new Map(
    Object.entries(catalogue.accounts).map(([name, account]) => {
      const adapter = checkedAdapter(name, account);
      const baseUrl = readBaseUrl({ account: name, text: account.baseUrl, allowHttp });
      return [name, { ...account, adapter, baseUrl }] as const;
    }),
  );
  const open = new Map<string, { provider: VideoProvider; client: JsonClient }>();

  return {
    get(name) {
      const opened = open.get(name);
      if (opened) return opened.provider;
      const account = openers.get(name);
      if (!account) throw new Error(`The catalogue has no provider account named ${name}.`);
      const apiKey = credentials(account.credential)?.trim();
      if (!apiKey) throw new Error(`The provider account ${name} has no key: ${account.credential} is not set.`);

      const client = createJsonClient();
      const { adapter, baseUrl, settings } = account;
      const webhookSecret = account.webhookSecret && credentials(account.webhookSecret)?.trim();
      const { sendJson } = client;
      const provider = adapter.create({ account: name, baseUrl, apiKey, settings, webhookSecret, sendJson });
      open.set(name, { provider, client });
      return provider;
    },

    async close() {
      await Promise.all([...open.values()].map(({ client }) => client.close()));
      open.clear();
    },
  };
}

/**
 * What a model can do at an adapter's vendor, as the account's settings narrow it; `undefined` where the adapter or the
 * model is not known. Throws for settings that the adapter does not know.
 */
export function abilitiesOf(
  adapter: string,
  upstreamModel: string,
  settings: AdapterSettings = {},
): ModelAbilities | undefined {
  return adapters.get(adapter)?.abilitiesOf(upstreamModel, settings);
}

function checkedAdapter(name: string, { adapter: adapterName, settings }: Account): Adapter {
  const adapter = adapters.get(adapterName);
  if (!adapter) throw new Error(`The provider account ${name} names an adapter that does not exist: ${adapterName}.`);
  try {
    adapter.abilitiesOf('', settings);
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`The settings of the provider account ${name} are not valid:\n${reason}`, { cause: error });
  }
  return adapter;
}

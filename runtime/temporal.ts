import { Client, Connection, defineSearchAttributeKey } from '@temporalio/client';
import type { Logger } from './logger.js';

/** Where workflows run, and where each account's calls and the downloads do. One queue per provider account bounds its traffic. */
export const workflowQueue = 'reelay-jobs';
export const mediaQueue = 'reelay-media';
export const providerQueue = (account: string) => `reelay-provider-${account}`;

/** What operators filter by in Temporal's Web UI. */
export const searchAttributes = {
  status: defineSearchAttributeKey('ReelayStatus', 'KEYWORD'),
  provider: defineSearchAttributeKey('ReelayProvider', 'KEYWORD'),
  model: defineSearchAttributeKey('ReelayModel', 'KEYWORD'),
  workspace: defineSearchAttributeKey('ReelayWorkspace', 'KEYWORD'),
  operation: defineSearchAttributeKey('ReelayOperation', 'KEYWORD'),
  pipeline: defineSearchAttributeKey('ReelayPipeline', 'KEYWORD'),
} as const;

type TemporalAddress = { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string };

/** A client that connects at its first call, so that a process can start while Temporal is away. */
export function createTemporalClient({ TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE }: TemporalAddress): Client {
  return new Client({ connection: Connection.lazy({ address: TEMPORAL_ADDRESS }), namespace: TEMPORAL_NAMESPACE });
}

const KEYWORD = 2;
const ALREADY_EXISTS = 6;

/** Registers the search attributes; a workflow that names an unknown one would hang. Safe to repeat. */
export async function registerSearchAttributes(client: Client, logger: Logger): Promise<void> {
  const { operatorService } = client.connection;
  const namespace = client.options.namespace;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter(({ name }) => !(name in customAttributes));
  if (missing.length === 0) return;
  const wanted = Object.fromEntries(missing.map(({ name }) => [name, KEYWORD]));
  await operatorService.addSearchAttributes({ namespace, searchAttributes: wanted }).catch((error: unknown) => {
    const isThere = error instanceof Error && 'code' in error && error.code === ALREADY_EXISTS;
    if (!isThere) throw error;
  });
  logger.info({ searchAttributes: Object.keys(wanted) }, 'search attributes registered');
}

import { Client, Connection } from '@temporalio/client';
import { searchAttributeNames } from '../contract/queues.js';
import type { Logger } from './logger.js';
import { createRetryInterceptor } from './temporal-retry.js';

type TemporalAddress = { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string };

/** A server that was away is found again within a second of its return; by default the pauses grow to minutes. */
const LONGEST_RECONNECT_PAUSE_MS = 500;

/** A client that connects at its first call, so that a process can start while Temporal is away. */
export function createTemporalClient({ TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE }: TemporalAddress): Client {
  const connection = Connection.lazy({
    address: TEMPORAL_ADDRESS,
    channelArgs: {
      'grpc.initial_reconnect_backoff_ms': LONGEST_RECONNECT_PAUSE_MS,
      'grpc.max_reconnect_backoff_ms': LONGEST_RECONNECT_PAUSE_MS,
    },
    interceptors: [createRetryInterceptor()],
  });
  return new Client({ connection, namespace: TEMPORAL_NAMESPACE });
}

const INDEXED_VALUE_TYPE_KEYWORD = 2;
const GRPC_ALREADY_EXISTS = 6;

/** Registers the search attributes; a workflow that names an unknown one would hang. Safe to repeat. */
export async function registerSearchAttributes(client: Client, logger: Logger): Promise<void> {
  const { operatorService } = client.connection;
  const { namespace } = client.options;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributeNames).filter((name) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  const wanted = Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD]));
  await operatorService.addSearchAttributes({ namespace, searchAttributes: wanted }).catch((error: unknown) => {
    const isThereByNow = error instanceof Error && 'code' in error && error.code === GRPC_ALREADY_EXISTS;
    if (!isThereByNow) throw error;
  });
  logger.info({ searchAttributes: missing }, 'search attributes registered');
}

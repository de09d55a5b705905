import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { newId } from '../../runtime/ids.js';
import { createLogger } from '../../runtime/logger.js';
import { registerSearchAttributes } from '../../runtime/temporal.js';
import { until } from './until.js';

export function testSetting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with npm test`);
  return value;
}

/** A namespace of its own on the server that all tests share, with our search attributes. */
export async function createTestNamespace() {
  const address = testSetting('TEST_TEMPORAL_ADDRESS');
  const namespace = newId('ws').replace('_', '-');
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  const client = new Client({ connection, namespace });
  // The server learns of a new namespace a moment after it said yes.
  await until(() => registerSearchAttributes(client, createLogger('test', 'silent')).then(() => true));
  await until(async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return Object.keys(customAttributes ?? {}).length >= 6;
  });
  return { address, namespace, client, close: () => connection.close() };
}

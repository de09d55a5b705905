import type { UnknownPolicy } from '../contract/plan.js';
import { createLedger } from '../store/ledger.js';
import { createWorkspaces } from '../store/workspaces.js';
import { type Caller, createCaller } from './caller.js';
import type { World } from './world.js';

const MICROS = 10_000_000;

/** A workspace of its own, with money, and a caller in it. */
export async function openWorkspace(
  { database, canaries, stack, sink }: World,
  { name, policy }: { name: string; policy?: UnknownPolicy },
): Promise<{ workspaceId: string; caller: Caller }> {
  const workspaces = createWorkspaces(database);
  const { id: workspaceId } = await workspaces.create({ name });
  if (policy) await workspaces.set(workspaceId, { unknownPolicy: policy });
  await createLedger(database).topUp({ workspaceId, micros: MICROS });
  const { secret: apiKey } = await workspaces.createKey({ workspaceId, scopes: ['jobs:read', 'jobs:write'] });
  canaries.push(apiKey);
  return { workspaceId, caller: createCaller(() => ({ ...stack(), apiKey }), { addressFor: sink.urlOf }) };
}

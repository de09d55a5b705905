import type { Micros } from '../contract/money.js';
import type { Database } from './database.js';

/** `heldMicros`: of open jobs; `reservedMicros`: what open pipelines may still hold. */
export type Balance = { availableMicros: Micros; heldMicros: Micros; reservedMicros: Micros };
export type Ledger = ReturnType<typeof createLedger>;

const topUpStatement = {
  name: 'top_up',
  text: `select ledger_post('top_up', ledger_account(null, 'funding'), ledger_account($1, 'available'), $2,
    in_reference => $3)`,
};

/** Money from outside comes in here; what jobs hold, capture and release is posted in the statement that changes the job. */
export function createLedger(database: Database) {
  return {
    async topUp({ workspaceId, micros, reference }: { workspaceId: string; micros: Micros; reference?: string }) {
      await database.run(topUpStatement, [workspaceId, micros, reference ?? null]);
    },

    async balance(workspaceId: string): Promise<Balance> {
      const rows = await database.queries
        .selectFrom('ledger_accounts')
        .select(['kind', 'balance_micros'])
        .where('workspace_id', '=', workspaceId)
        .execute();
      const of = (kind: string) =>
        rows.filter((row) => row.kind === kind).reduce((sum, { balance_micros }) => sum + balance_micros, 0);
      return { availableMicros: of('available'), heldMicros: of('held'), reservedMicros: of('reserved') };
    },
  };
}

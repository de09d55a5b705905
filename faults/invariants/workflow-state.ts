import { WorkflowNotFoundError } from '@temporalio/client';
import { eventually } from '../patience.js';
import type { World } from '../world.js';

/** A settlement whose worker died is taken up again only when its time is over. */
const ENDS_WITHIN_MS = 60_000;

/** The end that a workflow gave; undefined where there is none. */
export async function stateOfWorkflow({ temporal }: World, workflowId: string): Promise<string | undefined> {
  const answer = await eventually(
    async () => {
      const handle = temporal.workflow.getHandle(workflowId);
      try {
        const { status } = await handle.describe();
        // It ends a moment after the row does.
        if (status.name === 'RUNNING') return undefined;
        return { state: status.name === 'COMPLETED' ? stateOf(await handle.result()) : status.name };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { state: undefined };
        throw error;
      }
    },
    { withinMs: ENDS_WITHIN_MS },
  );
  return answer ? answer.state : 'still running';
}

function stateOf(ending: unknown): string {
  return typeof ending === 'object' && ending !== null && 'state' in ending ? String(ending.state) : 'no ending';
}

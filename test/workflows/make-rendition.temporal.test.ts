import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { tryAgain } from '../../activities/failure.js';
import type { RenditionInput, RenditionOutcome } from '../../activities/make-rendition.js';
import { workflowQueue } from '../../contract/queues.js';
import { newId } from '../../runtime/ids.js';
import { findProjectRoot } from '../../runtime/root.js';
import type { makeRendition } from '../../workflows/make-rendition.js';
import { startRenditionWorld } from '../support/rendition-world.js';

jest.setTimeout(60_000);

describe('the workflow makeRendition', () => {
  const calls: RenditionInput[] = [];
  let answer: (tries: number) => Promise<RenditionOutcome>;
  let world: Awaited<ReturnType<typeof startRenditionWorld>>;
  beforeAll(async () => {
    world = await startRenditionWorld({
      makeRendition: (input) => {
        calls.push(input);
        return answer(calls.filter(({ jobId }) => jobId === input.jobId).length);
      },
    });
  });
  afterAll(() => world.close());

  const start = (jobId: string) =>
    world.client.workflow.start<typeof makeRendition>('makeRendition', {
      workflowId: `rendition:${jobId}:1:spritesheet`,
      taskQueue: workflowQueue,
      args: [{ jobId, variant: 1, kind: 'spritesheet' }],
    });

  it('makes the still in one step, answers what came of it, and replays', async () => {
    answer = async () => ({ kind: 'impossible' });
    const jobId = newId('job');
    const handle = await start(jobId);
    expect(await handle.result()).toEqual({ kind: 'impossible' });
    expect(calls.filter((call) => call.jobId === jobId)).toEqual([{ jobId, variant: 1, kind: 'spritesheet' }]);

    const history = await handle.fetchHistory();
    expect(history.events).toHaveLength(11);
    const codePath = `${findProjectRoot()}/dist/workflow-bundle.js`;
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, handle.workflowId);
  });

  it('tries three times and no more', async () => {
    const failing = (tries: number) => async (made: number) => {
      if (made <= tries) throw tryAgain('MediaError', 'the child was killed');
      return { kind: 'made' as const };
    };
    const jobIds = [newId('job'), newId('job')] as const;
    answer = failing(2);
    expect(await (await start(jobIds[0])).result()).toEqual({ kind: 'made' });
    answer = failing(9);
    await expect((await start(jobIds[1])).result()).rejects.toBeInstanceOf(WorkflowFailedError);
    expect(jobIds.map((id) => calls.filter(({ jobId }) => jobId === id).length)).toEqual([3, 3]);
  });
});

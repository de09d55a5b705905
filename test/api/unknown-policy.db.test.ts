import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, startApi } from '../support/api.js';
import { createJob } from '../support/lives.js';

describe('the policy for jobs of which nobody knows', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  const policyOf = async (jobId: string) => {
    const query = api.database.queries.selectFrom('jobs').select('plan').where('id', '=', jobId);
    return (await query.executeTakeFirstOrThrow()).plan.unknownPolicy;
  };

  it('is that of the workspace when the job is accepted, and stays', async () => {
    const first = await createJob(await api.addWorkspace());
    expect(await policyOf(first)).toBe('fail');

    const other = await api.addWorkspace();
    await api.workspaces.set(other.workspaceId, { unknownPolicy: 'failover' });
    const second = await createJob(other);
    await api.workspaces.set(other.workspaceId, { unknownPolicy: 'hold' });
    expect(await policyOf(second)).toBe('failover');
  });
});

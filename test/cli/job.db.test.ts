import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAdmin } from '../../cli/admin.js';
import { silentAnnouncer } from '../../store/announcements.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createSettlement } from '../../store/settlement.js';
import { createWorkspaces } from '../../store/workspaces.js';
import { aNewJob } from '../support/jobs.js';
import { aPlan, aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

describe('the admin command for jobs', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  const announced: string[] = [];

  async function run(...words: string[]): Promise<string> {
    const lines: string[] = [];
    const notExpected = () => {
      throw new Error('Temporal was not expected');
    };
    const admin = createAdmin({
      openDatabase: () => database,
      openAnnouncer: () => ({ ...silentAnnouncer, announce: (id) => announced.push(id) }),
      openTemporal: notExpected,
      deployment: 'reelay',
      buildId: '1',
      write: (text) => lines.push(text),
    });
    admin.exitOverride().configureOutput({ writeErr: () => {} });
    for (const command of admin.commands)
      for (const verb of command.commands) verb.exitOverride().configureOutput({ writeErr: () => {} });
    await admin.parseAsync(['node', 'admin', ...words]);
    return lines.join('\n');
  }

  /** A job whose last submit was answered by nobody; before it, as many as are said were left unknown. */
  async function aLostJob({ leftBefore = 0 } = {}) {
    const owner = await aWorkspace(database, { credits: 1 });
    const plan = aPlan({ unknownPolicy: 'hold' });
    const { job } = await createJobs(database).accept(aNewJob(owner, { plan }));
    const attempts = createAttempts(database);
    const error = { class: 'OUTCOME_UNKNOWN', message: 'cut' } as const;
    for (let attempt = 1; attempt <= leftBefore + 1; attempt += 1) {
      await attempts.intend({ jobId: job.id, attempt, route: aRoute() });
      await attempts.recordSubmission({ jobId: job.id, attempt, submission: { outcome: 'unknown', error } });
    }
    return { jobId: job.id, attempts, ...owner };
  }

  it('shows how a job stands and what its attempts may have cost', async () => {
    const { jobId } = await aLostJob();
    const shown = await run('job', 'show', jobId);
    expect(shown).toMatch(new RegExp(`^${jobId} {2}running · reconciling\n`));
    expect(shown).toContain('sora · held 0.800000 USD · if unknown: hold');
    expect(shown).toMatch(/1 .*first .*model-1 .*unknown .*0\.800000 .*possibly/);
    expect(JSON.parse(await run('job', 'show', jobId, '--json'))).toMatchObject({
      id: jobId,
      state: 'running',
      phase: 'reconciling',
      unknown_policy: 'hold',
      held: '0.800000',
      captured: null,
      attempts: [{ number: 1, provider: 'first', state: 'unknown', task: null, cost: '0.800000', charged: 'possibly' }],
    });
    await expect(run('job', 'show', 'job_none')).rejects.toThrow('There is no job job_none.');
  });

  it('shows no prompt', async () => {
    const { jobId } = await aLostJob();
    expect(await run('job', 'show', jobId, '--json')).not.toContain('paper boat');
  });

  it('lists the jobs that wait for a word, and with them those that do not', async () => {
    const { jobId } = await aLostJob();
    const owner = await aWorkspace(database, { credits: 1 });
    const { job: queued } = await createJobs(database).accept(aNewJob(owner));
    const ids = async (...words: string[]) =>
      JSON.parse(await run('job', 'list', ...words, '--json')).map(({ id }: { id: string }) => id);
    expect(await ids('--unknown')).toContain(jobId);
    expect(await ids('--unknown')).not.toContain(queued.id);
    expect(await ids()).toEqual(expect.arrayContaining([jobId, queued.id]));
    await run('job', 'resolve', jobId, '--never-existed');
    expect(await ids('--unknown')).not.toContain(jobId);
  });

  it('takes an operator’s word, which is kept with the attempt', async () => {
    const { jobId, attempts } = await aLostJob();
    expect(await run('job', 'resolve', jobId, '--accepted', 'task-42', '--by', 'mira')).toBe(
      `${jobId} is resolved: accepted`,
    );
    expect(await attempts.find({ jobId, attempt: 1 })).toMatchObject({
      state: 'accepted',
      resolution: 'accepted',
      task: { account: 'first', upstreamModel: 'model-1', id: 'task-42' },
    });
    const event = await database.queries
      .selectFrom('job_events')
      .select(['data', 'created_at'])
      .where('job_id', '=', jobId)
      .where('type', '=', 'attempt.resolved')
      .executeTakeFirstOrThrow();
    expect(event.data).toEqual({ attempt: 1, resolution: 'accepted', by: 'mira' });
    expect(Math.abs(Date.now() - event.created_at.getTime())).toBeLessThan(60_000);
    expect(await run('job', 'show', jobId)).toMatch(/task-42 .*accepted/);
    expect(announced.filter((id) => id === jobId)).toHaveLength(1);
  });

  it('names the one who is logged in where nobody is named', async () => {
    const { jobId } = await aLostJob();
    expect(JSON.parse(await run('job', 'resolve', jobId, '--fail', '--json')).by).toMatch(/\S/);
  });

  it.each([
    ['no word', [], /Say one of --accepted/],
    ['two words', ['--fail', '--failover'], /Say one of --accepted/],
    ['an empty task', ['--accepted', ' '], /needs the id of the task/],
  ])('refuses %s', async (_, words, reason) => {
    const { jobId } = await aLostJob();
    await expect(run('job', 'resolve', jobId, ...words)).rejects.toThrow(reason);
  });

  it('refuses a word that comes too late, twice, or for a second duplicate', async () => {
    const { jobId } = await aLostJob();
    await run('job', 'resolve', jobId, '--fail');
    await expect(run('job', 'resolve', jobId, '--failover')).rejects.toThrow(/decided about, meanwhile/);
    await createSettlement(database).settle({
      jobId,
      state: 'failed',
      errorCode: 'submission_unknown',
      providerCancel: null,
    });
    await expect(run('job', 'resolve', jobId, '--failover')).rejects.toThrow(`${jobId} has ended.`);

    const second = await aLostJob({ leftBefore: 1 });
    await expect(run('job', 'resolve', second.jobId, '--failover')).rejects.toThrow(/a second duplicate is not risked/);
    await run('job', 'resolve', second.jobId, '--never-existed');
    await expect(run('job', 'resolve', second.jobId, '--fail')).rejects.toThrow(/waits for no word/);
  });

  it('sets how a workspace is treated, for jobs from then on', async () => {
    const { id } = await createWorkspaces(database).create({ name: 'studio' });
    const { secret } = await createWorkspaces(database).createKey({ workspaceId: id, scopes: ['jobs:write'] });
    expect(await createWorkspaces(database).authenticate(secret)).toMatchObject({ unknownPolicy: 'fail' });
    expect(await run('workspace', 'set', 'studio', '--unknown-policy', 'hold')).toBe(
      'unknown policy: hold\ncancel charge:  none',
    );
    expect(await run('workspace', 'set', 'studio', '--cancel-charge', 'full')).toBe(
      'unknown policy: hold\ncancel charge:  full',
    );
    expect(await createWorkspaces(database).authenticate(secret)).toMatchObject({ unknownPolicy: 'hold' });
    await expect(run('workspace', 'set', 'studio')).rejects.toThrow('Say what to set');
    await expect(run('workspace', 'set', 'studio', '--unknown-policy', 'guess')).rejects.toThrow(/Allowed choices/);
  });
});

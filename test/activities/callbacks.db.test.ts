import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reconcileSubmission } from '../../activities/reconcile-submission.js';
import { submitGeneration } from '../../activities/submit-generation.js';
import type { CallbackReader, Look, ProviderTask, SubmitOptions, VideoProvider } from '../../contract/provider.js';
import { LookError, type ProviderErrorClass } from '../../contract/provider-errors.js';
import { createCallbackTokens } from '../../runtime/callback-tokens.js';
import { createCallbacks } from '../../store/callbacks.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const task: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };
const route = aRoute();
const byAttempt: CallbackReader = { comesTo: 'attempt', readCallback: () => ({ taskId: null, excerpt: '' }) };
const byAccount: CallbackReader = { comesTo: 'account', readCallback: () => 'forged' };
const tokens = createCallbackTokens('a secret for tests, long enough for links');
const callbackAddress = (account: string) => {
  const token = tokens.make(account);
  return { token, url: `https://reelay.test/callbacks/${account}/${token}` };
};

let database: Database;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());

const sha256 = (text: string) => createHash('sha256').update(text).digest();

async function aJob() {
  const owner = await aWorkspace(database, { credits: 1 });
  const { job } = await createJobs(database).accept(aNewJob(owner));
  return job.id;
}

describe('what submitGeneration tells a provider of callbacks', () => {
  const input = (jobId: string) => ({ jobId, attempt: 1, route, timeoutMs: 20_000, hearsCallbacks: true });

  async function submitted(given: { callbacks?: CallbackReader; hearsCallbacks?: boolean; isPublic?: boolean }) {
    const { callbacks, hearsCallbacks = true, isPublic = true } = given;
    const sent: SubmitOptions[] = [];
    const submit: VideoProvider['submit'] = async (_, options) => {
      sent.push(options);
      return { outcome: 'accepted', task };
    };
    const { providers } = scriptedProvider({ submit, ...(callbacks && { callbacks }) });
    const deps = activityDeps(database, { providers, ...(isPublic && { callbackAddress }) });
    const jobId = await aJob();
    await runActivity(submitGeneration, deps, { ...input(jobId), hearsCallbacks });
    await runActivity(submitGeneration, deps, { ...input(jobId), hearsCallbacks });
    const row = await deps.attempts.find({ jobId, attempt: 1 });
    return { sent, row, jobId };
  }

  it('is an address with a secret of which only the hash is kept', async () => {
    const { sent, row } = await submitted({ callbacks: byAttempt });
    expect(sent).toHaveLength(1);
    const [, account, token = ''] =
      /^https:\/\/reelay\.test\/callbacks\/([^/]*)\/([^/]*)$/.exec(sent[0]?.callbackUrl ?? '') ?? [];
    expect(account).toBe('first');
    expect(tokens.isMarked({ account: 'first', token })).toBe(true);
    expect(row?.callback_token_sha256).toEqual(sha256(token));
    expect(JSON.stringify(row)).not.toContain(token);
  });

  it('is another one for each attempt', async () => {
    const first = await submitted({ callbacks: byAttempt });
    const second = await submitted({ callbacks: byAttempt });
    expect(first.sent[0]?.callbackUrl).not.toBe(second.sent[0]?.callbackUrl);
  });

  it.each([
    ['it does not call back', {}],
    ['its callbacks come to one address', { callbacks: byAccount }],
    ['we have no public address', { callbacks: byAttempt, isPublic: false }],
    ['the workflow is of a build that does not listen', { callbacks: byAttempt, hearsCallbacks: false }],
  ])('is nothing where %s', async (_, given) => {
    const { sent, row } = await submitted(given);
    expect(sent).toHaveLength(1);
    expect(sent[0]).not.toHaveProperty('callbackUrl');
    expect(row?.callback_token_sha256).toBeNull();
  });
});

describe('reconcileSubmission, after a callback', () => {
  const input = (jobId: string, graceMs = 60_000) => ({
    jobId,
    attempt: 1,
    route,
    graceMs,
    submitTimeoutMs: 0,
    timeoutMs: 1_000,
  });
  const pending: Look = { status: 'pending', providerStatus: 'running' };

  /** An attempt whose answer was lost, and what came to its address. */
  async function lostAttempt(look: VideoProvider['look']) {
    const jobId = await aJob();
    const { providers, calls } = scriptedProvider({ look });
    const deps = activityDeps(database, { providers });
    const tokenSha256 = sha256(jobId);
    await deps.attempts.intend({ jobId, attempt: 1, route, callbackTokenSha256: tokenSha256 });
    await deps.attempts.recordLost({ jobId, attempt: 1 });
    const callback = (taskId: string | null) =>
      createCallbacks(database).receiveByToken({
        account: route.account,
        tokenSha256,
        taskId,
        excerpt: 'its words',
        bodySha256: sha256(String(taskId)),
      });
    const row = () => deps.attempts.find({ jobId, attempt: 1 });
    const reconcile = (graceMs?: number) => runActivity(reconcileSubmission, deps, input(jobId, graceMs));
    return { jobId, deps, calls, callback, row, reconcile };
  }
  const refuse = (errorClass: ProviderErrorClass) => async (): Promise<Look> => {
    throw new LookError({ class: errorClass, message: 'no' });
  };

  it.each<[string, Look]>([
    ['runs', pending],
    ['has ended well', { status: 'succeeded', files: [{ url: 'https://provider.test/1.mp4' }] }],
    ['has failed', { status: 'failed', error: { class: 'PROVIDER_INTERNAL', message: 'oh' }, charged: true }],
  ])('takes the task that it names once the provider says that it %s', async (_, look) => {
    const lost = await lostAttempt(async () => look);
    await expect(lost.reconcile()).rejects.toMatchObject({ type: 'NotReady' });
    const named = { ...task, id: `task-${lost.jobId}` };
    await lost.callback(named.id);
    expect(await lost.row()).toMatchObject({ state: 'unknown', task: null });

    expect(await lost.reconcile()).toEqual({ kind: 'accepted', task: named });
    expect(await lost.row()).toMatchObject({ state: 'accepted', task: named, charged: 'possibly' });
    expect(lost.calls).toMatchObject({ submits: [], looks: 1 });
  });

  it.each<ProviderErrorClass>(['NOT_FOUND', 'INPUT_INVALID'])(
    'takes nothing that the provider answers with %s, and ends as unknown',
    async (errorClass) => {
      const lost = await lostAttempt(refuse(errorClass));
      await lost.callback('task-of-a-forger');
      await expect(lost.reconcile()).rejects.toMatchObject({ type: 'NotReady' });
      expect(await lost.reconcile(0)).toEqual({ kind: 'still_unknown' });
      expect(await lost.row()).toMatchObject({ state: 'unknown', task: null });
    },
  );

  it('asks again when the provider could not be asked, and takes nothing meanwhile', async () => {
    const lost = await lostAttempt(refuse('OVERLOADED'));
    await lost.callback(`task-${lost.jobId}`);
    await expect(lost.reconcile()).rejects.toMatchObject({ failure: { class: 'OVERLOADED' } });
    expect(await lost.row()).toMatchObject({ state: 'unknown', task: null });
  });

  it('takes no task that another attempt owns', async () => {
    const owner = await lostAttempt(async () => pending);
    const owned = { ...task, id: `task-${owner.jobId}` };
    await owner.callback(owned.id);
    await owner.reconcile();

    const other = await lostAttempt(async () => pending);
    await other.callback(owned.id);
    await expect(other.reconcile()).rejects.toMatchObject({ type: 'NotReady' });
    expect(await other.row()).toMatchObject({ state: 'unknown', task: null });
  });

  it('learns nothing from a callback that names no task', async () => {
    const lost = await lostAttempt(async () => pending);
    await lost.callback(null);
    await expect(lost.reconcile()).rejects.toMatchObject({ type: 'NotReady' });
    expect(lost.calls.looks).toBe(0);
  });

  it('does not look while the first run may still write its answer down', async () => {
    const jobId = await aJob();
    const { providers, calls } = scriptedProvider({ look: async () => pending });
    const deps = activityDeps(database, { providers });
    const { account } = route;
    const tokenSha256 = sha256(jobId);
    await deps.attempts.intend({ jobId, attempt: 1, route, callbackTokenSha256: tokenSha256 });
    const said = { taskId: `task-${jobId}`, excerpt: '', bodySha256: sha256('') };
    await createCallbacks(database).receiveByToken({ account, tokenSha256, ...said });
    const early = { ...input(jobId), submitTimeoutMs: 60_000 };
    await expect(runActivity(reconcileSubmission, deps, early)).rejects.toMatchObject({ type: 'NotReady' });
    expect(calls.looks).toBe(0);
  });
});

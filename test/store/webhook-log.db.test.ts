import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Database } from '../../store/database.js';
import { createWebhookLog } from '../../store/webhook-log.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { deliveriesOf, endAJob } from '../support/webhooks.js';

let database: Database;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());

const run = (text: string, values: unknown[]) => database.run({ name: text.slice(0, 40), text }, values);

/** What was told of a job so long ago, and ended so long ago; with a try. Null: it is still on its way. */
async function told(owner: Awaited<ReturnType<typeof aWorkspace>>, days: { made: number; ended: number | null }) {
  const { jobId } = await endAJob(database, owner, { callbackUrl: 'https://caller.example/hook' });
  const [delivery] = (await deliveriesOf(database, owner.workspaceId)).filter(({ subject_id }) => subject_id === jobId);
  const id = delivery?.id;
  await run(`update webhook_messages set created_at = now() - $2 * interval '1 day' where subject_id = $1`, [
    jobId,
    days.made,
  ]);
  await run(
    `insert into webhook_tries (delivery_id, number, started_at, duration_ms, answer) values ($1, 1, now(), 5, '')`,
    [id],
  );
  if (days.ended !== null) {
    await run(
      `update webhook_deliveries set state = 'delivered', next_attempt_at = null, ended_at = now() - $2 * interval '1 day' where id = $1`,
      [id, days.ended],
    );
  }
  return id;
}

it('forgets what everybody was told of long ago, and nothing that is on its way or was sent again lately', async () => {
  const owner = await aWorkspace(database, { credits: 10 });
  const old = [await told(owner, { made: 40, ended: 40 }), await told(owner, { made: 35, ended: 31 })];
  const kept = [
    await told(owner, { made: 40, ended: null }),
    await told(owner, { made: 40, ended: 2 }),
    await told(owner, { made: 29, ended: 29 }),
  ];
  const log = createWebhookLog(database);
  const forget = () => log.forget({ olderThanDays: 30, limit: 1 });
  expect([await forget(), await forget(), await forget()]).toEqual([1, 1, 0]);

  const left = (await deliveriesOf(database, owner.workspaceId)).map(({ id }) => id);
  expect(new Set(left)).toEqual(new Set(kept));
  const triesOf = async (id = '') => (await log.triesOf(id)).length;
  expect(await Promise.all([...old, ...kept].map(triesOf))).toEqual([0, 0, 1, 1, 1]);
});

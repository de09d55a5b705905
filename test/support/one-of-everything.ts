import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import type pg from 'pg';
import type { Stack } from '../../bench/support/stack.js';
import type { createCaller, JobAnswer } from './caller.js';
import type { sandboxControl } from './sandbox.js';

export type World = {
  stack: Stack;
  database: pg.Pool;
  caller: ReturnType<typeof createCaller>;
  sandbox: ReturnType<typeof sandboxControl>;
};

/** One file with the bytes it says, one submission that a provider billed, one charge, nothing held. */
export async function expectOneOfEverything(world: World, job: JobAnswer): Promise<void> {
  const { rows: asked } = await world.database.query('select request from jobs where id = $1', [job.id]);
  const { prompt, durationSeconds } = asked[0].request;
  expect(job).toMatchObject({ status: 'succeeded', error: null });

  const [video, ...more] = job.data;
  expect(more).toEqual([]);
  if (!video) throw new Error('the job has no video');
  const bytes = Buffer.from(await (await fetch(video.url)).arrayBuffer());
  expect(bytes.length).toBe(video.bytes);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(video.sha256);
  expect(video.duration_seconds).toBeCloseTo(durationSeconds, 1);

  const submissions = (await world.sandbox.ledger({ promptIncludes: prompt })).filter(({ call }) => call === 'submit');
  expect(submissions.filter(({ outcome }) => outcome === 'accepted')).toHaveLength(1);

  const charge = String(Math.round(durationSeconds * 100_000));
  const { rows: transfers } = await world.database.query(
    `select kind, amount_micros from ledger_transfers where job_id = $1 and kind <> 'provider_cost' order by id`,
    [job.id],
  );
  expect(transfers).toEqual([
    { kind: 'hold', amount_micros: charge },
    { kind: 'capture', amount_micros: charge },
  ]);
  const { rows: sums } = await world.database.query('select sum(balance_micros)::text as all from ledger_accounts');
  expect(sums).toEqual([{ all: '0' }]);
}

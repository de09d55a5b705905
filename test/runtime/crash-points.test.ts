import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { armCrashPoints, type CrashPlan, crashPoint } from '../../runtime/crash-points.js';

describe('a crash point', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'reelay-crash-points-'));
    armCrashPoints({ REELAY_CRASH_POINTS: folder });
  });
  afterEach(() => {
    armCrashPoints({});
    rmSync(folder, { recursive: true });
  });

  const plan = (given: Partial<CrashPlan>) => {
    const whole: CrashPlan = { id: 'p1', point: 'S4', job: 'job_1', action: 'throw', ...given };
    writeFileSync(join(folder, `${whole.id}.plan.json`), JSON.stringify(whole));
  };
  const hit = (id = 'p1') => join(folder, `${id}.hit.json`);

  it('is inert where nobody switched it on, whatever is planned', () => {
    plan({});
    armCrashPoints({});
    expect(crashPoint('S4', { jobId: 'job_1' })).toBeUndefined();
    expect(existsSync(hit())).toBe(false);
  });

  it('does what is planned, once, and says which process met it', async () => {
    plan({});
    await expect(crashPoint('S4', { jobId: 'job_1' })).rejects.toThrow('crash point S4');
    expect(JSON.parse(readFileSync(hit(), 'utf8'))).toMatchObject({ point: 'S4', jobId: 'job_1', pid: process.pid });
    await crashPoint('S4', { jobId: 'job_1' });
  });

  it('leaves other jobs and other points alone', async () => {
    plan({});
    await crashPoint('S4', { jobId: 'job_2' });
    await crashPoint('S3', { jobId: 'job_1' });
    expect(existsSync(hit())).toBe(false);
  });

  it('knows a job by the idempotency key that it was accepted under', async () => {
    plan({ job: 'my key/1' });
    await crashPoint('S0', { jobId: 'job_7', idempotencyKey: 'my key/1' });
    await expect(crashPoint('S4', { jobId: 'job_7' })).rejects.toThrow('crash point S4');
  });

  it('waits until it is let go', async () => {
    plan({ action: 'pause' });
    let isOver = false;
    const waiting = crashPoint('S4', { jobId: 'job_1' })?.then(() => {
      isOver = true;
    });
    await pause(100);
    expect([existsSync(hit()), isOver]).toEqual([true, false]);
    rmSync(hit());
    await waiting;
    expect(isOver).toBe(true);
  });
});

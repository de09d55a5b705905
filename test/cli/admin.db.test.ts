import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAdmin } from '../../cli/admin.js';
import { silentAnnouncer } from '../../store/announcements.js';
import { createDatabase, type Database } from '../../store/database.js';
import { createProviderHealth } from '../../store/provider-health.js';
import { createWorkspaces } from '../../store/workspaces.js';
import { breakerSettings } from '../support/breakers.js';
import { cloneDatabase } from '../support/database.js';

describe('the admin command', () => {
  let clone: Awaited<ReturnType<typeof cloneDatabase>>;
  let database: Database;
  beforeAll(async () => {
    clone = await cloneDatabase();
    database = createDatabase(clone.url);
  });
  afterAll(async () => {
    await database.close();
    await clone.drop();
  });

  async function run(...words: string[]): Promise<string> {
    const lines: string[] = [];
    const admin = createAdmin({
      openDatabase: () => database,
      openAnnouncer: () => silentAnnouncer,
      openTemporal: () => {
        throw new Error('Temporal was not expected');
      },
      deployment: 'reelay',
      buildId: '1',
      write: (text) => lines.push(text),
    });
    await admin.parseAsync(['node', 'admin', ...words]);
    return lines.join('\n');
  }

  it('makes a workspace, whose name is then taken', async () => {
    expect(await run('workspace', 'create', 'studio')).toMatch(/^ws_\w+ {2}studio$/);
    await expect(run('workspace', 'create', 'studio')).rejects.toThrow('There is already a workspace called studio.');
    expect(JSON.parse(await run('workspace', 'list', '--json'))).toMatchObject([{ name: 'studio' }]);
  });

  it('shows the secret of webhooks to single jobs, and makes another beside which the first works on for a while', async () => {
    await run('workspace', 'create', 'hooks');
    const secret = await run('workspace', 'webhook-secret', 'hooks');
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await run('workspace', 'webhook-secret', 'hooks')).toBe(secret);

    const rotated = JSON.parse(await run('workspace', 'rotate-webhook-secret', 'hooks', '--overlap', '60', '--json'));
    expect(rotated.secret).not.toBe(secret);
    expect(Date.parse(rotated.previousUntil) - Date.now()).toBeLessThan(61_000);
    expect(await run('workspace', 'webhook-secret', 'hooks')).toContain(`${rotated.secret}\nThe one before it signs`);
    expect(await run('workspace', 'rotate-webhook-secret', 'hooks', '--overlap', '0')).toMatch(/^whsec_\S+$/);
    await expect(run('workspace', 'webhook-secret', 'nobody')).rejects.toThrow('There is no workspace nobody.');
  });

  it('makes a key that works until it is revoked, and shows its secret once', async () => {
    await run('workspace', 'create', 'keys');
    const made = JSON.parse(await run('key', 'create', 'keys', '--scope', 'operator', '--name', 'mine', '--json'));
    const { authenticate } = createWorkspaces(database);
    expect(await authenticate(made.secret)).toMatchObject({ scopes: ['operator'] });

    const list = await run('key', 'list', 'keys');
    expect(list).toContain(made.id);
    expect(list).not.toContain(made.secret);

    await run('key', 'revoke', made.id);
    expect(await authenticate(made.secret)).toBeUndefined();
    await expect(run('key', 'revoke', made.id)).rejects.toThrow(`There is no key ${made.id} in force.`);
  });

  it('lets a key without named scopes read and write jobs', async () => {
    await run('workspace', 'create', 'defaults');
    expect(JSON.parse(await run('key', 'create', 'defaults', '--json'))).toMatchObject({
      scopes: ['jobs:read', 'jobs:write'],
    });
  });

  it('adds what is topped up, to the last micro-dollar', async () => {
    await run('workspace', 'create', 'money');
    await run('topup', 'money', '25');
    await run('topup', 'money', '0.000001');
    expect(await run('balance', 'money')).toBe(
      'available: 25.000001 USD\nheld:      0.000000 USD\nreserved:  0.000000 USD',
    );
  });

  it.each(['-1', '1.0000001', 'ten', '0'])('refuses to top up %s', async (amount) => {
    await run('workspace', 'create', `odd ${amount}`);
    await expect(run('topup', `odd ${amount}`, '--', amount)).rejects.toThrow(/amount/);
    expect(await run('balance', `odd ${amount}`)).toContain('available: 0.000000 USD');
  });

  it('says so when there is no such workspace', async () => {
    await expect(run('balance', 'nobody')).rejects.toThrow('There is no workspace nobody.');
  });

  it('reports no usage where no job has finished', async () => {
    await run('workspace', 'create', 'idle');
    expect(JSON.parse(await run('usage', 'idle', '--from', '2026-01-01', '--json'))).toEqual([]);
    await expect(run('usage', 'idle', '--from', '2026-02-01', '--to', '2026-01-01')).rejects.toThrow('before --to');
  });

  it('shows which provider accounts are left alone and why, and has them asked again', async () => {
    const health = () => createProviderHealth(database, breakerSettings);
    expect(await run('provider', 'list')).toBe('No provider account has had trouble.');
    const place = { account: 'omixa', upstreamModel: 'sora', stage: 'submission' } as const;
    await health().report({ ...place, outcome: 'BALANCE' });
    await health().report({ ...place, outcome: 'MODEL_RETIRED' });

    const rows = JSON.parse(await run('provider', 'list', '--json'));
    const row = { account: 'omixa', state: 'open', failures: 1, openUntil: expect.stringMatching(/^20.*Z$/) };
    expect(rows).toEqual([
      { ...row, upstreamModel: null, reason: 'submission: BALANCE' },
      { ...row, upstreamModel: 'sora', reason: 'submission: MODEL_RETIRED' },
    ]);
    expect(await run('provider', 'list')).toMatch(/omixa .*all .*open .*1 .*20.*Z .*submission: BALANCE/);

    expect(await run('provider', 'reset', 'omixa')).toBe('omixa is asked again');
    expect(await health().isOpen(place)).toBe(false);
    await expect(run('provider', 'reset', 'omixa')).rejects.toThrow('Nothing is held against omixa.');
  });
});

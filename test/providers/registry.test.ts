import { describe, expect, it } from '@jest/globals';
import type { Account } from '../../contract/catalogue.js';
import { abilitiesOf, createProviders } from '../../providers/registry.js';

function anAccount(given: Partial<Account> = {}): Account {
  return {
    adapter: 'omixa',
    baseUrl: 'https://omixa.example',
    credential: 'OMIXA_KEY',
    official: false,
    settings: {},
    ...given,
  };
}

function open(account: Account, { allowHttp = false, key = 'secret' } = {}) {
  return createProviders({
    catalogue: { accounts: { main: account }, models: {} },
    credentials: (variable) => (variable === account.credential ? key : undefined),
    allowHttp,
  });
}

describe('createProviders', () => {
  it('gives the same provider for the same account', () => {
    const providers = open(anAccount());
    expect(providers.get('main')).toBe(providers.get('main'));
  });

  it.each([
    ['plain http', anAccount({ baseUrl: 'http://omixa.example' }), /main is plain http/],
    ['a key in the address', anAccount({ baseUrl: 'https://user:key@omixa.example' }), /main may hold only/],
    ['an adapter that does not exist', anAccount({ adapter: 'acme' }), /main names an adapter.*acme/],
    ['a setting that the adapter does not know', anAccount({ settings: { statusVerb: 'GET' } }), /main are not valid/],
    ['a setting that is needed and not set', anAccount({ adapter: 'globalaiopc' }), /main are not valid.*queryPath/s],
    ['a path that leads elsewhere', anAccount({ adapter: 'pixazo', settings: { statusPath: '/../a' } }), /statusPath/],
    ['seconds that no job may have', anAccount({ settings: { secondsAllowed: '4,x' } }), /main are not valid/],
  ])('refuses %s at once, naming the account', (_, account, message) => {
    expect(() => open(account)).toThrow(message);
  });

  it('takes plain http where it is allowed', () => {
    expect(() =>
      open(anAccount({ baseUrl: 'http://127.0.0.1:8090/omixa' }), { allowHttp: true }).get('main'),
    ).not.toThrow();
  });

  it('asks for the key only when the account is used, and names the variable', () => {
    const providers = open(anAccount(), { key: '' });
    expect(() => providers.get('main')).toThrow(/main has no key: OMIXA_KEY is not set/);
  });

  it('names an account that the catalogue does not have', () => {
    expect(() => open(anAccount()).get('other')).toThrow(/no provider account named other/);
  });
});

describe('abilitiesOf', () => {
  it('knows the models of the vendors, and no others', () => {
    expect(abilitiesOf('omixa', 'sora')?.duration).toEqual({ kind: 'range', min: 1, max: 30 });
    expect(abilitiesOf('apixo', 'sora-2')?.polling).toEqual({ firstLookMs: 180_000, intervalMs: 10_000 });
    expect(abilitiesOf('apixo', 'sora')).toBeUndefined();
    expect(abilitiesOf('acme', 'sora')).toBeUndefined();
  });

  it('is narrowed by the settings of the account', () => {
    expect(abilitiesOf('omixa', 'sora', { secondsAllowed: '4,8,12' })?.duration).toEqual({
      kind: 'set',
      values: [4, 8, 12],
    });
    expect(abilitiesOf('apixo', 'sora-2', { firstLookMs: '0', lookIntervalMs: '50' })?.polling).toEqual({
      firstLookMs: 0,
      intervalMs: 50,
    });
  });
});

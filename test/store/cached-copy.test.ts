import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createCachedCopy } from '../../store/cached-copy.js';

describe('a cached copy', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** A query that answers when, and what, the test says. */
  function aQuery() {
    const asked: PromiseWithResolvers<string>[] = [];
    const copy = createCachedCopy(() => {
      const answer = withResolvers();
      asked.push(answer);
      return answer.promise;
    });
    return { asked, copy, value: async () => (await copy.get()).value };
  }

  it('is read once for all who ask together, and not again while it is fresh', async () => {
    const { asked, value } = aQuery();
    const values = Promise.all([value(), value(), value()]);
    asked[0]?.resolve('one');
    expect(await values).toEqual(['one', 'one', 'one']);
    expect(await value()).toBe('one');
    expect(asked).toHaveLength(1);
  });

  it('is answered at once while it is read anew, and by the new answer afterwards', async () => {
    const { asked, value } = aQuery();
    const first = value();
    asked[0]?.resolve('one');
    await first;
    jest.advanceTimersByTime(1_500);
    expect(await value()).toBe('one');
    expect(asked).toHaveLength(2);
    asked[1]?.resolve('two');
    await asked[1]?.promise;
    await Promise.resolve();
    expect(await value()).toBe('two');
  });

  it('is waited for when it is old', async () => {
    const { asked, value } = aQuery();
    const first = value();
    asked[0]?.resolve('one');
    await first;
    jest.advanceTimersByTime(10_000);
    const next = value();
    asked[1]?.resolve('two');
    expect(await next).toBe('two');
  });

  it('is not kept when it was forgotten while it was read', async () => {
    const { asked, copy, value } = aQuery();
    const before = value();
    copy.forget();
    const after = value();
    asked[1]?.resolve('new');
    expect(await after).toBe('new');
    asked[0]?.resolve('old');
    expect(await before).toBe('old');
    expect(await value()).toBe('new');
  });

  it('is read again by the next who asks when the query failed', async () => {
    const { asked, value } = aQuery();
    const first = value();
    asked[0]?.reject(new Error('the database is away'));
    await expect(first).rejects.toThrow('the database is away');
    const second = value();
    asked[1]?.resolve('one');
    expect(await second).toBe('one');
  });
});

type PromiseWithResolvers<Value> = {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (error: Error) => void;
};

function withResolvers(): PromiseWithResolvers<string> {
  let resolve: (value: string) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<string>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

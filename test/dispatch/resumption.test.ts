import { describe, expect, it } from '@jest/globals';
import { resumptionOf } from '../../dispatch/resumption.js';
import type { EarlierAttempt } from '../../store/sweep.js';
import { aRoute } from '../support/plans.js';

const routes = [aRoute(), aRoute({ account: 'second' }), aRoute({ account: 'second', upstreamModel: 'model-2' })];
const task = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };

function attempts(...changes: Partial<EarlierAttempt>[]): EarlierAttempt[] {
  const first = { account: 'first', upstreamModel: 'model-1', task: null, charged: 'no', costMicros: 100 } as const;
  return changes.map((change, index) => ({ number: index + 1, state: 'not_sent', ...first, ...change }));
}
const resume = (...changes: Partial<EarlierAttempt>[]) =>
  resumptionOf(routes, { attempts: attempts(...changes), isCancelRequested: false });

describe('resumptionOf', () => {
  it('lets a job begin anew that had tried nothing', () => {
    expect(resume()).toBeUndefined();
  });

  it('goes on at the last attempt, on its route', () => {
    const second = { account: 'second', upstreamModel: 'model-2', state: 'accepted', task } as const;
    expect(resume({ state: 'refused' }, second)).toEqual({
      attempt: 2,
      routeIndex: 2,
      triesOnRoute: 1,
      spentMicros: 0,
      hasLeftUnknown: false,
      abandoned: [],
      isCancelRequested: false,
    });
  });

  it('counts the tries on the last route only', () => {
    expect(resume({}, {}, {})).toMatchObject({ attempt: 3, routeIndex: 0, triesOnRoute: 3 });
    expect(resume({}, { account: 'second' }, { account: 'second' })).toMatchObject({ routeIndex: 1, triesOnRoute: 2 });
  });

  it('counts what earlier attempts cost or may cost, and leaves the last to be counted again', () => {
    const [charged, possible] = [{ charged: 'yes' }, { charged: 'possibly', costMicros: 30 }] as const;
    expect(resume(charged, possible, {}, { charged: 'possibly' })).toMatchObject({ spentMicros: 130 });
  });

  it('remembers what was left: an unknown attempt, and tasks without a verdict', () => {
    expect(resume({ state: 'unknown' }, {})).toMatchObject({ hasLeftUnknown: true, abandoned: [] });
    expect(resume({ state: 'abandoned', task }, { state: 'failed', task }, {})).toMatchObject({
      hasLeftUnknown: false,
      abandoned: [{ attempt: 1, task }],
    });
    expect(resume({ state: 'unknown' })).toMatchObject({ hasLeftUnknown: false });
  });
});

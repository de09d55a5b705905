import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { judgeTold, type Telling } from '../../faults/invariants/told.js';
import type { Arrival } from '../../faults/sink.js';

const secret = `whsec_${Buffer.from('a secret of 24 characters').toString('base64')}`;

const aTelling = (given: Partial<Telling> = {}): Telling => ({
  subject: 'job_1',
  ends: ['job.succeeded'],
  has_address: true,
  secrets: [secret],
  messages: [{ id: 'msg_1', type: 'job.succeeded', delivery: 'delivered' }],
  ...given,
});

function anArrival({ id = 'msg_1', body = '{"id":"job_1"}', ...given }: Partial<Arrival> = {}): Arrival {
  const at = new Date();
  const signatures = [new Webhook(secret).sign(id, at, body)];
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  return { mark: 'key-1', atMs: at.getTime(), id, timestamp, signatures, body, manner: 204, ...given };
}

const wrong = (telling: Partial<Telling>, arrivals: Arrival[]) =>
  judgeTold(aTelling(telling), arrivals).map(({ what }) => what);
const one = (delivery: string) => ({ messages: [{ id: 'msg_1', type: 'job.succeeded', delivery }] });

describe('the judge of what callers were told', () => {
  it('finds nothing wrong with an end that was told once, or again under its id', () => {
    expect(wrong({}, [anArrival()])).toEqual([]);
    expect(wrong({}, [anArrival({ manner: 500 }), anArrival()])).toEqual([]);
    expect(wrong({}, [anArrival(), anArrival({ manner: 'huge' })])).toEqual([]);
  });

  it('finds nothing wrong with what was visibly given up, and with jobs that have nobody to tell', () => {
    expect(wrong(one('exhausted'), [anArrival({ manner: 500 }), anArrival({ manner: 'hang' })])).toEqual([]);
    expect(wrong({ has_address: false, messages: [] }, [])).toEqual([]);
    expect(wrong({ ends: [], messages: [] }, [])).toEqual([]);
  });

  it.each<[string, Partial<Telling>, Arrival[]]>([
    ['an end that nobody was told of', { messages: [] }, []],
    ['an end that is still to be told', one('pending'), []],
    [
      'another end than the job has',
      { messages: [{ id: 'msg_1', type: 'job.failed', delivery: 'delivered' }] },
      [anArrival()],
    ],
    ['what counts as told and did not arrive', {}, []],
    ['what counts as told and was not taken', {}, [anArrival({ manner: 500 })]],
    ['what was taken and counts as given up', one('exhausted'), [anArrival()]],
    ['an arrival under another id', {}, [anArrival(), anArrival({ id: 'msg_2' })]],
    ['an arrival that is not signed', {}, [anArrival(), anArrival({ signatures: [] })]],
    ['an arrival signed for others', { secrets: [`${secret.slice(0, -4)}AAAA`] }, [anArrival({ manner: 500 })]],
    ['an arrival that speaks of another job', {}, [anArrival(), anArrival({ body: '{"id":"job_2"}' })]],
    ['an arrival before the end', { ends: [], messages: [] }, [anArrival()]],
  ])('blames %s', (_, telling, arrivals) => {
    expect(wrong(telling, arrivals)).not.toEqual([]);
  });

  it('blames two messages of one end', () => {
    const messages = ['msg_1', 'msg_2'].map((id) => ({ id, type: 'job.succeeded', delivery: 'delivered' }));
    expect(wrong({ messages }, [anArrival()])).toEqual([
      'it ended with job.succeeded, and to be told is job.succeeded, job.succeeded',
    ]);
  });

  it('wants each run of a pipeline told, in its turn', () => {
    const ends = ['pipeline.failed', 'pipeline.succeeded'];
    const messages = ends.map((type, index) => ({ id: `msg_${index + 1}`, type, delivery: 'delivered' }));
    const arrivals = messages.map(({ id }) => anArrival({ id }));
    expect(wrong({ ends, messages }, arrivals)).toEqual([]);
    expect(wrong({ ends, messages }, arrivals.slice(1))).toEqual(['it counts as told, and nobody took it']);
    expect(wrong({ ends, messages: messages.slice(1) }, arrivals)).not.toEqual([]);
  });
});

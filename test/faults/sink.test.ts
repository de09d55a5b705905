import { afterEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { isSignedBy, type Sink, startSink } from '../../faults/sink.js';
import { freePort } from '../../standalone/ports.js';

const secret = `whsec_${Buffer.from('a secret of 24 characters').toString('base64')}`;

function signed(body: string, at = new Date()) {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  return { id: 'msg_1', timestamp, signatures: [new Webhook(secret).sign('msg_1', at, body)], body };
}

describe('the receiver of webhooks', () => {
  let sink: Sink | undefined;
  afterEach(() => sink?.close());
  const start = async () => {
    sink = await startSink(await freePort());
    return sink;
  };
  const post = (url: string, body = '{}') => fetch(url, { method: 'POST', body, redirect: 'manual' });

  it('keeps what arrives by its mark, and takes it unless it was told otherwise', async () => {
    const { urlOf, behave, arrivalsOf } = await start();
    behave('one of two', [500, { status: 429, retryAfterSeconds: 3 }, 204]);
    const answers = [1, 2, 3, 4].map(async () => (await post(urlOf('one of two'), 'told')).status);
    expect((await Promise.all(answers)).toSorted((one, other) => one - other)).toEqual([204, 204, 429, 500]);
    expect((await post(urlOf('another'))).status).toBe(204);
    expect(arrivalsOf('one of two')).toHaveLength(4);
    expect(arrivalsOf('another')).toMatchObject([{ body: '{}' }]);
  });

  it('notices who follows a redirect', async () => {
    const { urlOf, behave, followers } = await start();
    behave('moved', ['redirect']);
    expect((await post(urlOf('moved'))).status).toBe(307);
    expect(followers()).toBe(0);
    await fetch(urlOf('moved'), { method: 'POST', body: '{}' });
    expect(followers()).toBe(1);
  });

  it('knows a signature from any other, and from one of other words', () => {
    const told = signed('{"a":1}');
    expect(isSignedBy(secret, told)).toBe(true);
    expect(isSignedBy(secret, { ...told, signatures: ['v1,bm90IGl0', ...told.signatures] })).toBe(true);
    expect(isSignedBy(secret, { ...told, body: '{"a":2}' })).toBe(false);
    expect(isSignedBy(secret, { ...told, id: 'msg_2' })).toBe(false);
    expect(isSignedBy(secret, { ...told, signatures: [] })).toBe(false);
    expect(isSignedBy(`whsec_${Buffer.from('another of 24 characters.').toString('base64')}`, told)).toBe(false);
  });
});

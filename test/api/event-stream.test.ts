import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Response as Answer } from 'express';
import { type EventStream, openEventStream } from '../../api/middleware/event-stream.js';
import { startServer } from '../../api/server.js';
import { readEvents } from '../support/event-source.js';
import { until } from '../support/until.js';

type Options = Parameters<typeof openEventStream>[1];

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

/** A server that opens a stream for whoever asks. */
async function startStreams(options: Options) {
  const streams: (EventStream & { answer: Answer; isClosed: boolean })[] = [];
  const app = express().get('/', (_request, answer) => {
    const stream = { ...openEventStream(answer, options), answer, isClosed: false };
    answer.once('close', () => {
      stream.isClosed = true;
    });
    streams.push(stream);
  });
  const server = await startServer(app, { host: '127.0.0.1', port: 0 });
  open.push(server);
  return {
    url: server.url,
    async next(index: number) {
      return until(() => streams[index], 5);
    },
  };
}

/** Asks, and then reads nothing. */
async function connectWithoutReading(url: string) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.pause();
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: reelay.test\r\n\r\n');
  open.unshift({
    async close() {
      socket.destroy();
    },
  });
  return socket.address() as AddressInfo;
}

const MEGABYTE = 'x'.repeat(1024 * 1024);
const MORE_THAN_SOCKETS_TAKE = 20;

describe('who does not read a stream', () => {
  it('is cut off when too much is unread, while who reads gets all of it', async () => {
    const { url, next } = await startStreams({ maxUnreadBytes: 3 * 1024 * 1024 });
    await connectWithoutReading(url);
    const idle = await next(0);
    const reader = readEvents(await fetch(url));
    const busy = await next(1);

    for (let id = 1; id <= MORE_THAN_SOCKETS_TAKE; id += 1) {
      for (const stream of [idle, busy]) stream.send({ id, type: 'news', data: { text: MEGABYTE } });
      await reader.until((event) => event.id === String(id));
    }

    expect(idle.isClosed).toBe(true);
    expect(busy.isClosed).toBe(false);
    expect(reader.events).toHaveLength(MORE_THAN_SOCKETS_TAKE);
    busy.end();
    await reader.over;
  }, 20_000);

  it('is cut off when nothing has moved since the last heartbeat', async () => {
    const { url, next } = await startStreams({ maxUnreadBytes: Number.POSITIVE_INFINITY, heartbeatMs: 50 });
    await connectWithoutReading(url);
    const idle = await next(0);

    idle.send({ id: 1, type: 'news', data: { text: MEGABYTE.repeat(MORE_THAN_SOCKETS_TAKE) } });

    await until(() => idle.isClosed, 5);
  });
});

describe('a stream', () => {
  it('says now and then that it lives', async () => {
    const { url, next } = await startStreams({ heartbeatMs: 10 });
    const reader = readEvents(await fetch(url));

    await until(() => reader.comments() > 2, 5);

    (await next(0)).end();
    await reader.over;
    expect(reader.events).toEqual([]);
  });

  it.each(['told to', 'too old'])('that is %s ends with the word to come again', async (reason) => {
    const { url, next } = await startStreams({ maxAgeMs: reason === 'too old' ? 20 : 60_000 });
    const reader = readEvents(await fetch(url));
    const stream = await next(0);

    if (reason === 'told to') stream.endForNow();
    await reader.over;

    expect(reader.retries).toEqual([500, expect.any(Number)]);
    expect(reader.retries[1]).toBeGreaterThanOrEqual(500);
    stream.send({ id: 1, type: 'late', data: {} });
    stream.end();
  });
});

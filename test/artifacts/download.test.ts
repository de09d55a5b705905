import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DownloadRequest, downloadTo } from '../../artifacts/download.js';
import { createGuardedFetch } from '../../artifacts/guarded-fetch.js';
import { newArtifactKey } from '../../artifacts/store.js';
import { answerWith, type Script, startScriptedServer } from '../providers/scripted-server.js';
import { openTestStore, storeKinds, type TestStore } from '../support/stores.js';
import { aBox, aFastStartVideo, ftyp, moov, someLimits } from './builders.js';

const video = aFastStartVideo();
const key = newArtifactKey('mp4');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const stored = { outcome: 'stored', stored: { key, bytes: video.length, sha256: sha256(video) } };

let opened: TestStore;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
  await opened.close();
});

/** Downloads from a server that does what the script says, and tells what is there afterwards. */
async function download(script: Script, given: Partial<DownloadRequest> = {}) {
  const server = await startScriptedServer(script);
  const fetch = createGuardedFetch({ allowLoopbackPorts: [server.port] });
  closing.push(
    () => server.close(),
    () => fetch.close(),
  );
  const result = await downloadTo({
    source: { url: server.url, headers: {}, credentialOrigin: server.url },
    fetch,
    store: opened.store,
    key,
    limits: someLimits(),
    signal: new AbortController().signal,
    ...given,
  });
  const isThere = (await opened.store.stat(key)) !== undefined;
  // What S3 has for who looks into the file next is not left behind.
  if (isThere) await opened.store.withLocalFile(key, async () => {});
  return { result, server, unfinished: await opened.unfinished(), isThere };
}

const sendFile =
  (bytes: Buffer, headers: Record<string, string> = {}): Script =>
  (response) =>
    response.writeHead(200, { 'content-type': 'video/mp4', ...headers }).end(bytes);

describe.each(storeKinds)('into the store on %s,', (kind) => {
  beforeEach(async () => {
    opened = await openTestStore(kind);
  });

  describe('a download', () => {
    it('stores the bytes as they are, with their hash, and reports its progress', async () => {
      const progress: number[] = [];
      const { result, unfinished } = await download(sendFile(video), { onProgress: (bytes) => progress.push(bytes) });

      expect(result).toEqual({ ...stored, alreadyThere: false });
      expect((await opened.store.withLocalFile(key, (path) => readFile(path))).equals(video)).toBe(true);
      expect(progress.at(-1)).toBe(video.length);
      expect(unfinished).toBe(0);
    });

    it('believes the bytes and not the header', async () => {
      const { result } = await download(sendFile(video, { 'content-type': 'text/html' }));
      expect(result).toMatchObject(stored);
    });

    it('finds what an earlier run of the same step has stored, and fetches nothing', async () => {
      await download(sendFile(video));
      const { result, server } = await download(() => undefined);

      expect(result).toEqual({ ...stored, alreadyThere: true });
      expect(server.requests).toEqual([]);
    });

    it('shows the credentials of the source to its own origin', async () => {
      const { server } = await download(sendFile(video), {});
      const headers = { authorization: 'Bearer canary' };
      await opened.store.remove(key);
      await download(sendFile(video), {
        source: { url: server.url, headers, credentialOrigin: 'https://else.example' },
      });
      expect(server.requests.at(-1)?.headers.authorization).toBeUndefined();
    });

    it.each([
      [403, 'expired'],
      [404, 'expired'],
      [410, 'expired'],
      [401, 'unavailable'],
      [429, 'unavailable'],
      [500, 'unavailable'],
      [304, 'unavailable'],
      [206, 'unavailable'],
    ])('takes %d as %s', async (status, outcome) => {
      const { result, isThere, unfinished } = await download(answerWith(status, 'no'));
      expect(result).toMatchObject({ outcome });
      expect({ isThere, unfinished }).toEqual({ isThere: false, unfinished: 0 });
    });

    it.each<[string, Script]>([
      ['HTML named .mp4', sendFile(Buffer.from('<!DOCTYPE html><html><body>Not here</body></html>'))],
      ['a long page of HTML', sendFile(Buffer.from(`<!DOCTYPE html>${'<p>no</p>'.repeat(5_000)}`))],
      ['an image', sendFile(Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ', 'base64'))],
      [
        'an image in the same kind of boxes',
        sendFile(Buffer.concat([aBox('ftyp', Buffer.from('avif\0\0\0\0avifmif1')), video])),
      ],
      ['nothing', sendFile(Buffer.alloc(0))],
      ['random bytes', sendFile(Buffer.alloc(9_000, 0x5a))],
      ['a cut file that says its length', sendFile(video.subarray(0, 40_000))],
      ['a cut file in chunks', (response) => void response.write(video.subarray(0, 40_000), () => response.end())],
      [
        'a cut file that ends with its connection',
        (response) =>
          response.socket?.end(
            Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n'), video.subarray(0, 40_000)]),
          ),
      ],
      ['a file that lost its index', sendFile(Buffer.concat([ftyp, aBox('mdat', Buffer.alloc(900))]))],
      ['a file that lost its media', sendFile(Buffer.concat([ftyp, moov]))],
    ])('refuses %s and leaves nothing behind', async (_, script) => {
      const { result, isThere, unfinished } = await download(script);
      expect(result).toMatchObject({ outcome: 'invalid' });
      expect({ isThere, unfinished }).toEqual({ isThere: false, unfinished: 0 });
    });

    it('refuses a file larger than allowed, and an address that nobody may fetch', async () => {
      const { result, server } = await download(sendFile(video), { limits: someLimits({ maxBytes: 1_000 }) });
      expect(result).toMatchObject({ outcome: 'invalid', detail: expect.stringContaining('too_large') });

      const url = server.url.replace('127.0.0.1', '[::ffff:127.0.0.1]');
      const refused = await download(sendFile(video), { source: { url, headers: {}, credentialOrigin: '' } });
      expect(refused.result).toMatchObject({ outcome: 'invalid', detail: expect.stringContaining('address_refused') });
    });

    it('cuts a slow drip, and is over at its deadline', async () => {
      const drip: Script = (response) => {
        response.write(video.subarray(0, 5_000));
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
      };
      const slow = someLimits({ minimumRate: { bytes: 10_000, windowMs: 150 } });
      expect((await download(drip, { limits: slow })).result).toMatchObject({ outcome: 'unavailable' });
      expect((await download(drip, { limits: someLimits({ deadlineMs: 200 }) })).result).toMatchObject({
        outcome: 'unavailable',
        detail: expect.stringContaining('deadline'),
      });
    });

    it('throws the caller’s reason and leaves nothing behind when the caller gives up', async () => {
      const controller = new AbortController();
      const reason = new Error('cancelled');
      const downloading = download((response) => void response.write(video.subarray(0, 5_000)), {
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      });

      await expect(downloading).rejects.toBe(reason);
      expect(await opened.unfinished()).toBe(0);
    });
  });

  describe('a transfer that is cut', () => {
    const PIECE_BYTES = 70_000;

    /** Gives at most one piece per answer and then resets; answers ranges of the file that it has at the moment. */
    function cuttingServer(
      file: (transfer: number) => { bytes: Buffer; etag?: string; ignoresRange?: boolean; pieceBytes?: number },
    ): Script {
      let transfer = 0;
      return (response, { headers }) => {
        transfer += 1;
        const { bytes, etag, ignoresRange, pieceBytes = PIECE_BYTES } = file(transfer);
        const wanted = /^bytes=(\d+)-$/.exec(headers.range ?? '');
        const from = wanted && !ignoresRange && headers['if-range'] === etag ? Number(wanted[1]) : 0;
        const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
        response.writeHead(from > 0 ? 206 : 200, {
          'content-length': String(bytes.length - from),
          ...(etag ? { etag } : {}),
          ...(from > 0 ? range : {}),
        });
        const piece = bytes.subarray(from, from + pieceBytes);
        if (from + piece.length === bytes.length) response.end(piece);
        else response.write(piece, () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
      };
    }

    it('goes on under a strong ETag, byte for byte', async () => {
      const { result, server } = await download(cuttingServer(() => ({ bytes: video, etag: '"v1"' })));

      expect(result).toMatchObject(stored);
      const asked = server.requests.map(({ headers }) => headers.range);
      expect(asked).toEqual([undefined, `bytes=${PIECE_BYTES}-`, `bytes=${2 * PIECE_BYTES}-`]);
    });

    it('is over after three', async () => {
      const { result, server, unfinished } = await download(
        cuttingServer(() => ({ bytes: video, etag: '"v1"', pieceBytes: 10_000 })),
      );

      expect(result).toMatchObject({ outcome: 'unavailable' });
      expect(server.requests).toHaveLength(3);
      expect(unfinished).toBe(0);
    });

    it.each([
      ['without an ETag', undefined],
      ['with a weak ETag', 'W/"v1"'],
    ])('starts again from zero %s, so that no two files are mixed', async (_, etag) => {
      const other = aFastStartVideo(200_000).fill(9, 50_000);
      const { result, server } = await download(
        cuttingServer((transfer) =>
          transfer === 1 ? { bytes: other, etag } : { bytes: video, etag, pieceBytes: 1e9 },
        ),
      );

      expect(result).toMatchObject(stored);
      expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
    });

    it('starts again from zero when the file has changed meanwhile', async () => {
      const other = aFastStartVideo(150_000).fill(9, 50_000);
      const { result } = await download(
        cuttingServer((transfer) =>
          transfer === 1 ? { bytes: other, etag: '"v1"' } : { bytes: video, etag: '"v2"', pieceBytes: 1e9 },
        ),
      );
      expect(result).toMatchObject(stored);
    });

    it('starts again from zero when the range is ignored', async () => {
      const { result } = await download(
        cuttingServer((transfer) => ({
          bytes: video,
          etag: '"v1"',
          ignoresRange: true,
          pieceBytes: transfer === 1 ? 5_000 : 1e9,
        })),
      );
      expect(result).toMatchObject(stored);
    });

    it('starts again from zero when a continuation is not the one that was asked for', async () => {
      let transfer = 0;
      const { result, server } = await download((response) => {
        transfer += 1;
        if (transfer === 1) {
          response.writeHead(200, { etag: '"v1"', 'content-length': String(video.length) });
          response.write(video.subarray(0, 5_000), () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
        } else if (transfer === 2) {
          const range = `bytes 4000-${video.length - 1}/${video.length}`;
          response.writeHead(206, { etag: '"v1"', 'content-range': range }).end(video.subarray(4_000));
        } else response.end(video);
      });

      expect(result).toMatchObject(stored);
      expect(server.requests).toHaveLength(3);
    });

    it('is refused when its pieces together are more than is allowed', async () => {
      let transfer = 0;
      const { result } = await download(
        (response) => {
          transfer += 1;
          if (transfer === 1) {
            response.writeHead(200, { etag: '"v1"' });
            response.write(video.subarray(0, 60_000), () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
          } else {
            const range = `bytes 60000-${video.length - 1}/*`;
            response.writeHead(206, { etag: '"v1"', 'content-range': range }).end(video.subarray(60_000));
          }
        },
        { limits: someLimits({ maxBytes: 150_000 }) },
      );
      expect(result).toMatchObject({ outcome: 'invalid', detail: expect.stringContaining('150000') });
    });

    it('is expired when the address has ended meanwhile', async () => {
      let transfer = 0;
      const { result } = await download((response) => {
        transfer += 1;
        if (transfer > 1) return response.writeHead(403).end('expired');
        response.writeHead(200, { etag: '"v1"', 'content-length': String(video.length) });
        return response.write(video.subarray(0, 5_000), () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
      });
      expect(result).toMatchObject({ outcome: 'expired' });
    });
  });
});

describe('a large file', () => {
  beforeEach(async () => {
    opened = await openTestStore('disk');
  });

  const MEGABYTE = 1024 * 1024;
  const MEDIA_MEGABYTES = 300;

  it('passes through little memory', async () => {
    const piece = Buffer.alloc(MEGABYTE, 5);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(8 + MEDIA_MEGABYTES * MEGABYTE);
    head.write('mdat', 4);
    const start = Buffer.concat([ftyp, moov, head]);
    const send: Script = (response) => {
      response.writeHead(200, { 'content-length': String(start.length + MEDIA_MEGABYTES * MEGABYTE) });
      let sent = 0;
      const more = () => {
        while (sent < MEDIA_MEGABYTES) {
          sent += 1;
          if (sent === MEDIA_MEGABYTES) return void response.end(piece);
          if (!response.write(piece)) return void response.once('drain', more);
        }
      };
      response.write(start);
      more();
    };
    const before = process.memoryUsage.rss();
    let highest = before;

    const { result } = await download(send, {
      limits: someLimits({ maxBytes: 400 * MEGABYTE }),
      onProgress: () => {
        highest = Math.max(highest, process.memoryUsage.rss());
      },
    });

    expect(result).toMatchObject({ outcome: 'stored' });
    // Measured with the sending server in the same process; the whole file would be 300.
    expect((highest - before) / MEGABYTE).toBeLessThan(150);
  }, 60_000);
});

import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { faultOf, ifKeyThere, throwTranslated } from './s3-errors.js';
import { type ByteRange, checkKey, isKey, type LinkOptions } from './store.js';

export type S3Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

export type S3Settings = {
  bucket: string;
  /** Empty, or ends with a slash. All below it is ours. */
  prefix: string;
  region: string;
  /** Of a server other than Amazon's. */
  endpoint?: string;
  forcePathStyle: boolean;
  /** Left out, they are looked for where Amazon's tools look. */
  credentials?: S3Credentials;
};

const CONNECT_TIMEOUT_MS = 5_000;
/** Without a byte in either direction. Also cuts a caller who stops reading for so long; asking for the rest goes on from there. */
const IDLE_TIMEOUT_MS = 120_000;
/** Each caller who is sent a file holds one for as long as that takes. */
const CONNECTIONS = 1_000;
/** What S3 copies in one call. */
const LARGEST_COPY_BYTES = 5 * 1024 ** 3;

const contentTypes: Record<string, string> = {
  mp4: 'video/mp4',
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
};

type Found = { bytes: number; sha256: string | undefined; changedAtMs: number };

export type Bucket = ReturnType<typeof createBucket>;

/** One prefix of one bucket, by our keys: nothing outside the prefix, and nothing that is not named as we name files, is ever touched. */
export function createBucket({ bucket, prefix, region, endpoint, forcePathStyle, credentials }: S3Settings) {
  const agent = { maxSockets: CONNECTIONS };
  const client = new S3Client({
    region,
    forcePathStyle,
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    // Our own SHA-256 is compared where the whole file is read; to a caller's player no sum would say anything.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: IDLE_TIMEOUT_MS,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
  client.middlewareStack.add((next) => (request) => next(request).catch(throwTranslated), { step: 'initialize' });
  const at = (key: string) => ({ Bucket: bucket, Key: `${prefix}${checkKey(key)}` });
  const keyOf = (name: string | undefined) => {
    const key = name?.startsWith(prefix) ? name.slice(prefix.length) : '';
    return isKey(key) ? key : undefined;
  };

  const head = async (key: string) => ifKeyThere(client.send(new HeadObjectCommand(at(key))));

  return {
    client,

    /** What an upload says of the object: its place, its type and the hash of its bytes. */
    describeUpload: (key: string, sha256: string) => ({
      ...at(key),
      ContentType: contentTypes[key.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
      Metadata: { sha256 },
    }),

    /** What is wrong with the bucket or with our access to it; throws while it does not answer. */
    async problem(): Promise<string | undefined> {
      try {
        await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
        return undefined;
      } catch (error) {
        const fault = faultOf(error);
        if (fault === undefined) throw error;
        return `s3://${bucket}/${prefix} cannot be used: ${fault}`;
      }
    },

    async find(key: string): Promise<Found | undefined> {
      const found = await head(key);
      if (!found) return undefined;
      const { ContentLength: bytes = 0, Metadata, LastModified } = found;
      return { bytes, sha256: Metadata?.sha256, changedAtMs: LastModified?.getTime() ?? Date.now() };
    },

    async open(key: string, range?: ByteRange): Promise<{ body: Readable; sha256: string | undefined } | undefined> {
      const part = range && { Range: `bytes=${range.start}-${range.end}` };
      const answer = await ifKeyThere(client.send(new GetObjectCommand({ ...at(key), ...part })));
      if (!answer) return undefined;
      const { Body: body, Metadata } = answer;
      if (body instanceof Readable) return { body, sha256: Metadata?.sha256 };
      throw new Error('the answer of S3 is not a stream');
    },

    /** Makes an object count as young again, for which S3 knows no way but to copy it onto itself. `false` when it is not there. */
    async renew(key: string): Promise<boolean> {
      const found = await head(key);
      if (!found) return false;
      if ((found.ContentLength ?? 0) > LARGEST_COPY_BYTES) return true;
      const { ContentType, Metadata } = found;
      const copy = new CopyObjectCommand({
        ...at(key),
        CopySource: `${bucket}/${prefix}${key}`,
        MetadataDirective: 'REPLACE',
        ContentType,
        Metadata,
        ChecksumAlgorithm: 'SHA256',
      });
      return (await ifKeyThere(client.send(copy))) !== undefined;
    },

    async remove(key: string): Promise<void> {
      await client.send(new DeleteObjectCommand(at(key)));
    },

    /** Keys that were written at least so long ago, page by page. */
    async *listOlder(ageMs: number): AsyncGenerator<string[]> {
      const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix });
      for await (const { Contents = [] } of pages) {
        yield Contents.flatMap(({ Key, LastModified }) => {
          const key = keyOf(Key);
          return key && isOlder(LastModified, ageMs) ? [key] : [];
        });
      }
    },

    async isOlder(key: string, ageMs: number): Promise<boolean> {
      const found = await head(key);
      return found !== undefined && isOlder(found.LastModified, ageMs);
    },

    /** Ends uploads that were begun at least so long ago, and gives back the room of their parts. */
    async abortUploads(ageMs: number): Promise<number> {
      let aborted = 0;
      let page: ListMultipartUploadsCommandOutput | undefined;
      do {
        const after = page && { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
        page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...after }));
        for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
          const key = keyOf(Key);
          if (!key || !isOlder(Initiated, ageMs)) continue;
          await ifKeyThere(client.send(new AbortMultipartUploadCommand({ ...at(key), UploadId })));
          aborted += 1;
        }
      } while (page.IsTruncated);
      return aborted;
    },

    /** Signed with our credentials; temporary ones end it sooner. */
    async link(
      key: string,
      { method, expiresInSeconds, contentType, disposition, cacheControl }: LinkOptions,
    ): Promise<string> {
      const input = {
        ...at(key),
        ResponseContentType: contentType,
        ResponseContentDisposition: disposition,
        ResponseCacheControl: cacheControl,
      };
      const command = method === 'HEAD' ? new HeadObjectCommand(input) : new GetObjectCommand(input);
      return getSignedUrl(client, command, { expiresIn: expiresInSeconds });
    },
  };

  /** By the clock of S3 where ours is known to be wrong. Without a time it counts as young. */
  function isOlder(time: Date | undefined, ageMs: number): boolean {
    return time !== undefined && Date.now() + client.config.systemClockOffset - time.getTime() >= ageMs;
  }
}

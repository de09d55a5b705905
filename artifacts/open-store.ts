import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDiskStore } from './disk-store.js';
import type { ArtifactStore } from './store.js';

export type StoreSettings = {
  ARTIFACTS_URL: string;
  S3_ENDPOINT?: string | undefined;
  S3_REGION?: string | undefined;
  S3_FORCE_PATH_STYLE?: boolean | undefined;
  AWS_REGION?: string | undefined;
  AWS_ACCESS_KEY_ID?: string | undefined;
  AWS_SECRET_ACCESS_KEY?: string | undefined;
  AWS_SESSION_TOKEN?: string | undefined;
  SCRATCH_DIR?: string | undefined;
};

/** Where S3 itself began; servers of others take any region. */
const DEFAULT_REGION = 'us-east-1';

/** The store that the settings name. Throws for an address that names none; whether it can be used is for `problem` to say. */
export async function openStore(settings: StoreSettings): Promise<ArtifactStore> {
  const { ARTIFACTS_URL, S3_ENDPOINT, S3_REGION, S3_FORCE_PATH_STYLE, AWS_REGION } = settings;
  if (!ARTIFACTS_URL.startsWith('s3:')) return createDiskStore(ARTIFACTS_URL);

  const place = readS3Url(ARTIFACTS_URL);
  // Its packages take a while to load, and most never need them.
  const { createS3Store } = await import('./s3-store.js');
  return createS3Store({
    ...place,
    region: S3_REGION ?? AWS_REGION ?? DEFAULT_REGION,
    ...(S3_ENDPOINT && { endpoint: S3_ENDPOINT }),
    // Few servers but Amazon's have a name of its own for each bucket.
    forcePathStyle: S3_FORCE_PATH_STYLE ?? S3_ENDPOINT !== undefined,
    ...credentialsOf(settings),
    scratchFolder: join(settings.SCRATCH_DIR ?? tmpdir(), 'reelay-artifacts'),
  });
}

/** `s3://bucket/some/prefix`; a prefix of plain words, as it is written into addresses and compared with what S3 lists. */
function readS3Url(text: string): { bucket: string; prefix: string } {
  const parts = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[\w-][\w.-]*)*)\/?$/.exec(text);
  const [, bucket, path = ''] = parts ?? [];
  if (!bucket) {
    throw new Error(
      'ARTIFACTS_URL must be s3://bucket or s3://bucket/prefix, with a prefix of letters, digits, "_", "-", "." and "/"',
    );
  }
  return { bucket, prefix: path ? `${path.slice(1)}/` : '' };
}

function credentialsOf({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN }: StoreSettings) {
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return {};
  const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  return { credentials: { ...credentials, ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }) } };
}

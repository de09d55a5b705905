import type { LinkSigner } from '../artifacts/signed-links.js';
import type { ArtifactStore } from '../artifacts/store.js';
import { ServiceError } from '../contract/errors.js';
import type { Artifacts } from '../store/artifacts.js';
import type { Content, ContentAccess } from './content.js';

type Deps = { artifacts: Artifacts; store: ArtifactStore; signer: LinkSigner };
type InputRequest = { id: string; access: Extract<ContentAccess, { kind: 'link' }> };

/** @throws `not_found`, `content_gone`, `link_invalid` */
export async function findInput(deps: Deps, { id, access }: InputRequest): Promise<Content> {
  const { artifacts, store, signer } = deps;
  // Only an id that we signed reaches the database.
  if (!signer.verify({ id, index: 0, ...access })) throw new ServiceError('link_invalid');
  const input = await artifacts.findInput(id);
  if (!input) throw new ServiceError('not_found', { detail: 'There is no such input.' });
  if (!input.is_kept) throw new ServiceError('content_gone');
  const { bytes, sha256, content_type: contentType, location } = input;
  return {
    bytes,
    sha256,
    contentType,
    fileName: `${id}.${contentType.split('/')[1]}`,
    open: (range) => store.read(location, range),
  };
}

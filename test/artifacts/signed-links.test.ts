import { describe, expect, it } from '@jest/globals';
import { createLinkSigner } from '../../artifacts/signed-links.js';

const signer = createLinkSigner('a secret of at least thirty-two characters');
const link = { id: 'job_01k', index: 0, expiresAtSeconds: 2_000 };
const signature = signer.sign(link);

describe('a signed link', () => {
  it('is good until it expires', () => {
    expect(signer.verify({ ...link, signature, nowSeconds: 1_999 })).toBe(true);
    expect(signer.verify({ ...link, signature, nowSeconds: 2_000 })).toBe(false);
    expect(signer.verify({ ...link, signature })).toBe(false);
  });

  it.each([
    [{ id: 'job_01m' }],
    [{ index: 1 }],
    [{ expiresAtSeconds: 3_000 }],
    [{ signature: '' }],
    [{ signature: `${signature}AA` }],
    [{ signature: `A${signature.slice(1)}` === signature ? `B${signature.slice(1)}` : `A${signature.slice(1)}` }],
    [{ signature: createLinkSigner('another secret').sign(link) }],
  ])('is not good for %j', (changed) => {
    expect(signer.verify({ ...link, signature, nowSeconds: 1, ...changed })).toBe(false);
  });
});

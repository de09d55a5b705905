import type { Request } from 'express';
import type { Vendor } from './vendor.js';

/** Any key is valid but one that says that it is not. */
export function hasCredential(request: Request, { keyHeader }: Vendor): boolean {
  const key = keyHeader ? request.get(keyHeader) : /^Bearer (\S+)$/.exec(request.get('authorization') ?? '')?.[1];
  return Boolean(key) && !key?.startsWith('bad');
}

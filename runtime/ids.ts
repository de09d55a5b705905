import { typeid } from 'typeid-js';

/** A type prefix and a sortable suffix (UUIDv7 in Crockford base 32): `job_01k…`. */
export function newId(prefix: 'ws' | 'key' | 'job' | 'pipe' | 'art' | 'file' | 'we' | 'request'): string {
  return typeid(prefix).toString();
}

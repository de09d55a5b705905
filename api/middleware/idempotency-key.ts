import type { Request } from 'express';
import { z } from 'zod';
import { invalidFields } from './parse.js';

export const idempotencyKeySchema = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
  .optional();

/** The header that makes a create safe to repeat, in every dialect. */
export function readIdempotencyKey(request: Pick<Request, 'get'>): string | undefined {
  const parsed = idempotencyKeySchema.safeParse(request.get('idempotency-key'));
  if (parsed.success) return parsed.data;
  throw invalidFields(parsed.error.issues.map(({ message }) => ({ field: 'Idempotency-Key', message })));
}

import type { Request } from 'express';
import { z } from 'zod';
import { invalidFields } from './parse.js';

export const idempotencyKeySchema = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
  .optional()
  .meta({
    description:
      'Makes it safe to send the request again: within 24 hours the same key with the same request gives the same job',
    example: 'first-boat',
    override: { minLength: 1, maxLength: 255 },
  });

/** The header that makes a create safe to repeat, in every dialect. */
export function readIdempotencyKey(request: Pick<Request, 'get'>): string | undefined {
  const parsed = idempotencyKeySchema.safeParse(request.get('idempotency-key'));
  if (parsed.success) return parsed.data;
  throw invalidFields(parsed.error.issues.map(({ message }) => ({ field: 'Idempotency-Key', message })));
}

import type { Request } from 'express';
import { z } from 'zod';
import { fieldError } from '../../contract/errors.js';
import type { JobRequest, WordFor } from '../jobs.js';
import { invalidFields } from './parse.js';

const HEADER = 'X-Webhook-URL';
const MAX_URL_CHARACTERS = 2_048;

/** One address: the same header sent twice arrives as two with a blank between them. */
export const webhookUrlSchema = z
  .string()
  .max(MAX_URL_CHARACTERS)
  .regex(/^\S+$/, 'must be one http(s) address')
  .optional()
  .meta({ description: 'Where the end of the job is told', example: 'https://caller.example/hook' });

type Asked = { wanted: JobRequest; wordFor: WordFor };

/** A request with the address of its header, which every create takes, also where the dialect has no field for it. */
export function withWebhookUrl({ wanted, wordFor }: Asked, request: Pick<Request, 'get'>): Asked {
  const parsed = webhookUrlSchema.safeParse(request.get(HEADER));
  if (!parsed.success) throw invalidFields(parsed.error.issues.map(({ message }) => ({ field: HEADER, message })));
  const { data: url } = parsed;
  if (url === undefined || url === wanted.callbackUrl) return { wanted, wordFor };
  if (wanted.callbackUrl !== undefined) {
    throw fieldError('request_invalid', HEADER, `is not the address in ${wordFor('callbackUrl')}: send one of them`);
  }
  return {
    wanted: { ...wanted, callbackUrl: url },
    wordFor: (field) => (field === 'callbackUrl' ? HEADER : wordFor(field)),
  };
}

import { z } from 'zod';
import type { ProviderErrorClass } from '../contract/provider-errors.js';
import { isModelGone, textOf, type VendorWords } from './failure.js';
import { parseJson } from './http.js';

const word = z.union([z.string(), z.number()]).transform(String).nullish().catch(null);
const sentence = z.string().nullish().catch(null);

/** The shapes in which gateways put their errors; for vendors whose pages do not show theirs in full. */
export const usualErrorFields = {
  error: z
    .union([z.string(), z.object({ code: word, type: word, message: sentence })])
    .nullish()
    .catch(null),
  code: word,
  message: sentence,
  msg: sentence,
  detail: sentence,
};

const errorBody = z.object(usualErrorFields);
type ErrorBody = z.infer<typeof errorBody>;

export function readUsualWords(text: string): VendorWords {
  const body = errorBody.safeParse(parseJson(text));
  return body.success ? usualWordsOf(body.data) : {};
}

export function usualWordsOf({ error, ...top }: ErrorBody): VendorWords {
  const outer = top.message || top.msg || top.detail;
  // A text in `error` is a title when a sentence stands beside it.
  const inner = typeof error === 'string' ? (outer ? { code: error } : { message: error }) : error;
  const code = inner?.code || (inner && 'type' in inner && inner.type) || top.code;
  const message = (inner && 'message' in inner && inner.message) || outer;
  return { ...(message ? { message } : {}), ...(code ? { code } : {}) };
}

/** For vendors whose pages list no codes: what gateways of this kind say. */
export function classOfUsualWords(words: VendorWords): ProviderErrorClass | undefined {
  const text = textOf(words);
  if (/content[_ -]?(policy|violation|filter)|usage polic|moderation|safety|guardrail|flagged|nsfw/i.test(text)) {
    return 'CONTENT_REFUSED';
  }
  if (/insufficient[_ ](balance|credits?|funds|quota)/i.test(text)) return 'BALANCE';
  return isModelGone(words) ? 'MODEL_RETIRED' : undefined;
}

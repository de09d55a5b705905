import { z } from 'zod';
import type { ProviderErrorClass } from '../contract/provider-errors.js';
import { isModelGone, textOf, type VendorWords } from './failure.js';
import { parseJson } from './http.js';

const word = z.union([z.string(), z.number()]).transform(String).nullish().catch(null);
const text = z.string().nullish().catch(null);

/** The shapes in which gateways put their errors; for vendors whose pages do not show theirs in full. */
export const usualErrorFields = {
  error: z
    .union([z.string(), z.object({ code: word, type: word, message: text })])
    .nullish()
    .catch(null),
  code: word,
  message: text,
  msg: text,
  detail: text,
};

const errorBody = z.object(usualErrorFields);
type ErrorBody = z.infer<typeof errorBody>;

export function readUsualWords(answer: string): VendorWords {
  const body = errorBody.safeParse(parseJson(answer));
  return body.success ? usualWordsOf(body.data) : {};
}

export function usualWordsOf({ error, ...outer }: ErrorBody): VendorWords {
  const sentence = outer.message || outer.msg || outer.detail;
  if (typeof error !== 'string') {
    return wordsOf(error?.message || sentence, error?.code || error?.type || outer.code);
  }
  // A text in `error` is a title when a sentence stands beside it.
  return sentence ? wordsOf(sentence, error) : wordsOf(error, outer.code);
}

type Text = string | null | undefined;

function wordsOf(message: Text, code: Text): VendorWords {
  return { ...(message ? { message } : {}), ...(code ? { code } : {}) };
}

/** For vendors whose pages list no codes: what gateways of this kind say. */
export function classOfUsualWords(words: VendorWords): ProviderErrorClass | undefined {
  const said = textOf(words);
  if (/content[_ -]?(policy|violation|filter)|usage polic|moderation|safety|guardrail|flagged|nsfw/i.test(said)) {
    return 'CONTENT_REFUSED';
  }
  if (/insufficient[_ ](balance|credits?|funds|quota)/i.test(said)) return 'BALANCE';
  return isModelGone(words) ? 'MODEL_RETIRED' : undefined;
}

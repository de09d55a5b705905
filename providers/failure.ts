import { LookError, type ProviderErrorClass, type ProviderFailure } from '../contract/provider-errors.js';
import type { FailedAnswer } from './http.js';
import { createRedact } from './redact.js';

/** What a vendor said in its own error shape. */
export type VendorWords = { message?: string; code?: string };

/** The vendor's own reading of its words; `undefined` leaves it to the status. */
export type Classify = (words: VendorWords, status: number) => ProviderErrorClass | undefined;

type Told = { class: ProviderErrorClass; text?: string; retryAfterMs?: number } & VendorWords;

/** Turns failed exchanges and a vendor's bad news into failures, with nothing secret in them. */
export function createFailureReader({
  secrets,
  readWords,
  classify = () => undefined,
}: {
  secrets: readonly string[];
  readWords: (text: string) => VendorWords;
  classify?: Classify;
}) {
  const redact = createRedact(secrets);

  const told = ({ class: errorClass, message, code, text, retryAfterMs }: Told): ProviderFailure => ({
    class: errorClass,
    message: redact.message(message || errorClass),
    ...(code ? { providerCode: redact.message(code) } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(text ? { excerpt: redact.excerpt(text) } : {}),
  });

  const classOfRefusal = (words: VendorWords, status: number): ProviderErrorClass =>
    classify(words, status) ?? (isModelGone(words) ? 'MODEL_RETIRED' : classOfStatus(status));

  const ofAnswer = (answer: FailedAnswer, errorClass: (words: VendorWords) => ProviderErrorClass): ProviderFailure => {
    if (answer.kind === 'not_sent') return told({ class: 'NETWORK', message: answer.reason });
    const words = answer.text ? readWords(answer.text) : {};
    const reason = answer.kind === 'unknown' ? answer.reason : `status ${answer.status}`;
    const message = words.message ? `${reason}: ${words.message}` : reason;
    return told({ ...answer, class: errorClass(words), message, code: words.code });
  };

  return {
    told,

    ofSubmit(answer: FailedAnswer): ProviderFailure {
      return ofAnswer(answer, (words) => {
        if (answer.kind !== 'refused') return 'OUTCOME_UNKNOWN';
        // Before there is a task, only the model can be what is gone.
        if (answer.status === 404 && /no longer available/i.test(textOf(words))) return 'MODEL_RETIRED';
        return classOfRefusal(words, answer.status);
      });
    },

    ofLook(answer: FailedAnswer): LookError {
      const failure = ofAnswer(answer, (words) => {
        if (answer.kind === 'refused') return classOfRefusal(words, answer.status);
        if (answer.kind === 'not_sent' || answer.status === undefined) return 'NETWORK';
        return classOfStatus(answer.status);
      });
      return new LookError(failure);
    },
  };
}

/** At most a few words stand between a model and its end, so that a file which "a model could not find" is none. */
const goneModel = [
  /\b(?:models?|deployments?)\b['"`]?:?(?: [^ ]{1,80}){0,3}? (?:not found|not exist|disabled)\b/i,
  /\b(?:models?|deployments?|api(?! key)|sora(?:-2[\w.-]*)?)(?![\w-])['"`]?:?(?: [^ ]{1,80}){0,3}? (?:no longer (?:available|supported)|retired|discontinued|been (?:removed|shut down))\b/i,
  /model[_-]not[_-]found|DeploymentNotFound/i,
];

/** Whether the vendor says that it no longer has the model. No try with another prompt or at another time would do better. */
export function isModelGone(words: VendorWords): boolean {
  const text = textOf(words);
  return goneModel.some((pattern) => pattern.test(text));
}

/** Long enough for any vendor's sentence; it bounds the work of the expressions. */
export function textOf({ code = '', message = '' }: VendorWords): string {
  return `${code} ${message}`.slice(0, 1_000).replaceAll(/\s+/g, ' ');
}

/** What an HTTP status means where the vendor's page says nothing else. */
function classOfStatus(status: number): ProviderErrorClass {
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return 'INPUT_INVALID';
    case 401:
    case 403:
      return 'AUTH';
    case 402:
      return 'BALANCE';
    case 404:
    case 405:
      return 'NOT_FOUND';
    case 410:
      return 'MODEL_RETIRED';
    case 429:
      return 'RATE_LIMITED';
    case 503:
      return 'OVERLOADED';
    default:
      return 'PROVIDER_INTERNAL';
  }
}

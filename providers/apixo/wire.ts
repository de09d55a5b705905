import { z } from 'zod';
import type { Generation } from '../../contract/generation.js';
import { type ImageAddresses, isUsableUrl, taskIdSchema } from '../adapter.js';
import type { VendorWords } from '../failure.js';
import { parseJson } from '../http.js';

/** What every answer comes in. `code` tells how it went; the HTTP status need not agree. */
const envelopeFields = { code: z.coerce.number(), message: z.string().nullish().catch(null) };

export const submitAnswer = z.object({
  ...envelopeFields,
  data: z
    .object({ taskId: taskIdSchema.nullish().catch(null) })
    .nullish()
    .catch(null),
});
export type SubmitAnswer = z.infer<typeof submitAnswer>;

const taskData = z.object({
  state: z.string(),
  resultJson: z.string().nullish().catch(null),
  failCode: z.coerce.string().nullish(),
  failMsg: z.coerce.string().nullish(),
});
export type TaskData = z.infer<typeof taskData>;

export const statusAnswer = z.object({ ...envelopeFields, data: taskData.nullish().catch(null) });

/** The envelope in an answer that HTTP itself calls a refusal. */
export function readEnvelope(text: string): SubmitAnswer | undefined {
  return submitAnswer.safeParse(parseJson(text)).data;
}

export function readApixoError(text: string): VendorWords {
  const { code, message } = readEnvelope(text) ?? {};
  return { ...(message ? { message } : {}), ...(code ? { code: String(code) } : {}) };
}

const results = z.object({ resultUrls: z.array(z.unknown()) });

/** The addresses in `resultJson`, which is JSON inside a JSON string; none where it cannot be read. */
export function readResultUrls(resultJson: string | null | undefined): string[] {
  const parsed = results.safeParse(parseJson(resultJson ?? ''));
  if (!parsed.success) return [];
  return parsed.data.resultUrls.filter((url) => typeof url === 'string').filter(isUsableUrl);
}

const namedTask = z.object({ taskId: taskIdSchema });
const calledBack = z.union([z.object({ data: namedTask }).transform(({ data }) => data), namedTask]);

/** The task that a callback names. The page does not show one: the envelope of the status call, or what is in it. */
export function readCalledBackTask(body: unknown): string | null {
  return calledBack.safeParse(body).data?.taskId ?? null;
}

type RequestOptions = {
  provider: string;
  removeWatermark: boolean;
  firstFrame: ImageAddresses['firstFrame'];
  callbackUrl: string | undefined;
};

/** The body of a submit. */
export function taskRequest(
  { operation, prompt, durationSeconds, size }: Generation,
  { firstFrame, callbackUrl, ...options }: RequestOptions,
): Record<string, unknown> {
  return {
    ...(callbackUrl ? { request_type: 'callback', callback_url: callbackUrl } : { request_type: 'async' }),
    provider: options.provider,
    input: {
      mode: operation === 'image_to_video' ? 'image-to-video' : 'text-to-video',
      prompt,
      duration: durationSeconds,
      aspect_ratio: size && (size.width >= size.height ? 'landscape' : 'portrait'),
      image_urls: firstFrame && [firstFrame],
      remove_watermark: options.removeWatermark,
    },
  };
}

import { z } from 'zod';
import type { ModelAbilities } from '../contract/abilities.js';
import { type Generation, isStorableText, type MediaInput } from '../contract/generation.js';
import type { Submission, VideoProvider } from '../contract/provider.js';
import type { SendJson } from './http.js';

export type AdapterSettings = Record<string, string>;

export type AdapterDeps = {
  /** The account's name in the catalogue, kept with each task. */
  account: string;
  baseUrl: URL;
  apiKey: string;
  settings: AdapterSettings;
  /** What the vendor signs its webhooks with, where it does and was asked to. */
  webhookSecret?: string | undefined;
  sendJson: SendJson;
};

/** One vendor, before an account of it is opened. Both throw for settings that it does not know. */
export type Adapter = {
  abilitiesOf(upstreamModel: string, settings: AdapterSettings): ModelAbilities | undefined;
  create(deps: AdapterDeps): VideoProvider;
};

/** Settings that every vendor has: the pace of looks, so that a stand-in need not be waited for like the real one. */
export const pollingSettings = {
  firstLookMs: z.coerce.number().int().nonnegative().optional(),
  lookIntervalMs: z.coerce.number().int().positive().optional(),
};

/** Whether submits ask to be called back. Switched off where a gateway does not show a task's state to who asks for callbacks. */
export const callbackSetting = { callbacks: z.enum(['true', 'false']).default('true') };

/** A path below the base address, for what a vendor's page leaves open. */
export const pathSetting = z.string().regex(/^(\/[\w-][\w.-]*)+$/, { error: 'must be a path such as /v1/tasks' });

export function narrowPolling(
  polling: ModelAbilities['polling'],
  { firstLookMs, lookIntervalMs }: { firstLookMs?: number; lookIntervalMs?: number },
): ModelAbilities['polling'] {
  return { firstLookMs: firstLookMs ?? polling.firstLookMs, intervalMs: lookIntervalMs ?? polling.intervalMs };
}

/**
 * A task's id. Without one that can be kept, an answer is of no use; some gateways write it as a number.
 * Dots alone would name another path where the id is a part of one.
 */
export const taskIdSchema = z
  .union([z.string(), z.int()])
  .transform(String)
  .refine((id) => !/^[\s.]*$/.test(id) && id.length <= 500 && isStorableText(id));

/** A vendor's status word in the form that is compared and kept. */
export function statusWord(status: string | null | undefined): string {
  return (status ?? '').trim().toLowerCase().replaceAll('\u0000', '').slice(0, 100).toWellFormed();
}

/** A result's address that can be kept. Whether it may be fetched is not judged here. */
export function isUsableUrl(url: string | null | undefined): url is string {
  return typeof url === 'string' && /^https?:\/\//i.test(url) && url.length <= 8_192 && isStorableText(url);
}

export function dataUrl({ contentType, bytes }: MediaInput): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `data:${contentType};base64,${view.toString('base64')}`;
}

/** The addresses at which a vendor fetches a generation's images; `undefined` when one has none. */
export function imageAddresses({
  firstFrame,
  lastFrame,
  references,
}: Generation['inputs']): ImageAddresses | undefined {
  const images = [firstFrame, lastFrame, ...references].filter((image) => image !== undefined);
  if (images.some(({ url }) => !url)) return undefined;
  return { firstFrame: firstFrame?.url, references: references.flatMap(({ url }) => url ?? []) };
}
export type ImageAddresses = { firstFrame?: string; references: string[] };

/** Routes that need addresses are no candidates where there are none, so this is a fault of ours; another account may take bytes. */
export const imageWithoutAddress: Submission = {
  outcome: 'not_sent',
  error: { class: 'NOT_FOUND', message: 'an image has no address at which the provider could fetch it' },
};

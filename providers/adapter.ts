import { z } from 'zod';
import type { ModelAbilities } from '../contract/abilities.js';
import { isStorableText } from '../contract/generation.js';
import type { VideoProvider } from '../contract/provider.js';
import type { SendJson } from './http.js';

export type AdapterSettings = Record<string, string>;

export type AdapterDeps = {
  /** The account's name in the catalogue, kept with each task. */
  account: string;
  baseUrl: URL;
  apiKey: string;
  settings: AdapterSettings;
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
  return typeof url === 'string' && url.trim() !== '' && url.length <= 8_192 && isStorableText(url);
}

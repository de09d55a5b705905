import { setTimeout as pause } from 'node:timers/promises';

const LOOK_AGAIN_MS = 50;

type Patience = { withinMs: number; everyMs?: number };

/** What `look` finds, as soon as it finds something; undefined when it does not in time. Errors count as "not yet". */
export async function eventually<Found>(
  look: () => Promise<Found | undefined> | Found | undefined,
  { withinMs, everyMs = LOOK_AGAIN_MS }: Patience,
): Promise<Found | undefined> {
  const giveUpAtMs = performance.now() + withinMs;
  for (;;) {
    const found = await attempt(look);
    if (found !== undefined) return found;
    if (performance.now() > giveUpAtMs) return undefined;
    await pause(everyMs);
  }
}

async function attempt<Found>(look: () => Promise<Found> | Found): Promise<Found | undefined> {
  try {
    return await look();
  } catch {
    return undefined;
  }
}

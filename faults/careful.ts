import { setTimeout as pause } from 'node:timers/promises';

const TRY_AGAIN_MS = 100;
const GIVE_UP_AFTER_MS = 180_000;
/** The first looks tell the time that something took; the later ones must not be a load of their own. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;
const LONGER_EACH_TIME = 1.2;

/** The body of the 202, however often it has to be asked for. What is asked must bear to be repeated. */
export async function untilTaken(ask: () => Promise<Response>): Promise<unknown> {
  const giveUpAtMs = performance.now() + GIVE_UP_AFTER_MS;
  for (;;) {
    const response = await ask().catch(() => undefined);
    if (response?.status === 202) return response.json();
    if (response && response.status < 500 && response.status !== 409 && response.status !== 429) {
      throw new Error(`it was refused: ${response.status} ${await response.text()}`);
    }
    if (performance.now() > giveUpAtMs) throw new Error('it was not taken for minutes');
    await pause(TRY_AGAIN_MS);
  }
}

type Wanted<Found> = { parse: (body: unknown) => Found; as: (found: Found) => boolean; withinMs: number };

/** What is read as soon as it is like this; undefined when it is not in time. */
export async function untilSeen<Found>(
  read: () => Promise<Response>,
  { parse, as: isIt, withinMs }: Wanted<Found>,
): Promise<Found | undefined> {
  const giveUpAtMs = performance.now() + withinMs;
  for (let pauseMs = FIRST_PAUSE_MS; performance.now() < giveUpAtMs; pauseMs *= LONGER_EACH_TIME) {
    const response = await read().catch(() => undefined);
    if (response?.ok) {
      const found = parse(await response.json());
      if (isIt(found)) return found;
    }
    await pause(Math.min(pauseMs, LONGEST_PAUSE_MS));
  }
  return undefined;
}

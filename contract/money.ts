/** Integer micro-USD: one dollar is 1,000,000. */
export type Micros = number;

const MICROS_PER_DOLLAR = 1_000_000;

/** Decimal dollars with six places, as callers read amounts: 800000 → `"0.800000"`. */
export function formatUsd(micros: Micros): string {
  const sign = micros < 0 ? '-' : '';
  const whole = Math.floor(Math.abs(micros) / MICROS_PER_DOLLAR);
  const fraction = Math.abs(micros) % MICROS_PER_DOLLAR;
  return `${sign}${whole}.${String(fraction).padStart(6, '0')}`;
}

/** Reads decimal dollars with at most six places; throws a `RangeError` for anything else. */
export function parseUsd(text: string): Micros {
  const match = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text);
  if (!match) throw new RangeError(`not an amount in dollars with at most six decimals: ${text}`);
  return Number(match[1]) * MICROS_PER_DOLLAR + Number((match[2] ?? '').padEnd(6, '0'));
}

type Price = { priceMicrosPerSecond: Micros; minimumHoldMicros: Micros };

/** What is held for a job: the price of all it could deliver, rounded up to a whole micro, at least the minimum hold. */
export function holdFor(price: Price, seconds: number, variants: number): Micros {
  return Math.max(Math.ceil(price.priceMicrosPerSecond * seconds * variants), price.minimumHoldMicros);
}

/** Half a second: a file shorter than asked by more than this is charged by its measured length. */
const TOLERATED_SHORTFALL_SECONDS = 0.5;

/** The files of a job against what was asked for. Seconds. */
export type Delivery = {
  requestedSeconds: number;
  measuredSeconds: readonly number[];
  /** The length of an extension's source, with which each of its files begins; absent for everything else. */
  sourceSeconds?: number;
};

/** What each file holds that is new: of an extension only what follows its source, and never more than was asked for. */
export function deliveredSeconds({ requestedSeconds, measuredSeconds, sourceSeconds }: Delivery): number[] {
  if (sourceSeconds === undefined) return [...measuredSeconds];
  return measuredSeconds.map((measured) => Math.min(Math.max(measured - sourceSeconds, 0), requestedSeconds));
}

/**
 * What is charged for the files a job delivered, rounded down to a whole micro: for each, the seconds asked for, or the delivered ones
 * where they are fewer by more than half a second.
 */
export function captureFor(priceMicrosPerSecond: Micros, delivery: Delivery): Micros {
  const { requestedSeconds } = delivery;
  const charged = deliveredSeconds(delivery).map((seconds) =>
    requestedSeconds - seconds > TOLERATED_SHORTFALL_SECONDS ? seconds : requestedSeconds,
  );
  const micros = priceMicrosPerSecond * charged.reduce((sum, seconds) => sum + seconds, 0);
  // Differences of lengths fall a hair short in binary: 11.1 − 8 seconds at 100,000 would come to 309,999.
  return Math.floor(Number(micros.toFixed(3)));
}

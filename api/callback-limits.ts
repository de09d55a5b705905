import { isIPv6 } from 'node:net';
import { RateLimiterMemory } from 'rate-limiter-flexible';

const WINDOW_SECONDS = 10;
/** More than anybody mistakes, and nothing to the database, even when they come all at once. */
const GUESSES_PER_ADDRESS = 100;
/** A provider that ends thousands of tasks at once may say so. */
const CALLBACKS_PER_ACCOUNT = 6_000;

/**
 * Who floods the addresses for callbacks is turned away. Guesses count against their sender, and what bears a mark or signature of ours or the
 * provider's against its account alone: so a flood keeps no true callback out, also where all seem to come from one address.
 */
export function createCallbackLimits({
  guessesPerAddress = GUESSES_PER_ADDRESS,
  perAccount = CALLBACKS_PER_ACCOUNT,
} = {}) {
  const guesses = new RateLimiterMemory({ points: guessesPerAddress, duration: WINDOW_SECONDS });
  const callbacks = new RateLimiterMemory({ points: perAccount, duration: WINDOW_SECONDS });

  return {
    retryAfterSeconds: WINDOW_SECONDS,
    mayGuess: (address: string) => consumes(guesses, networkOf(address)),
    mayCall: (account: string) => consumes(callbacks, account),
  };
}

function consumes(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  return limiter.consume(key).then(
    () => true,
    () => false,
  );
}

/** One sender has a whole network of IPv6 addresses. */
function networkOf(address: string): string {
  return isIPv6(address) ? address.split(':').slice(0, 4).join(':') : address;
}

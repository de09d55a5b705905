import { isIPv6 } from 'node:net';
import { RateLimiterMemory } from 'rate-limiter-flexible';

const WINDOW_SECONDS = 10;
/** Far more than anybody mistakes, and still nothing to the database. */
const REFUSED_PER_ADDRESS = 1_000;
/** A provider that ends thousands of tasks at once may say so. */
const CALLBACKS_PER_ACCOUNT = 6_000;

type Origin = { account: string; address: string };

/**
 * Who floods the addresses for callbacks is turned away before anything is asked of the database. What is taken counts against its account
 * only, so that a busy provider is no flood; what is refused counts against its sender first, so that no single one uses an account up.
 */
export function createCallbackLimits({
  refusedPerAddress = REFUSED_PER_ADDRESS,
  perAccount = CALLBACKS_PER_ACCOUNT,
} = {}) {
  const refusedOfAddress = new RateLimiterMemory({ points: refusedPerAddress, duration: WINDOW_SECONDS });
  const ofAccount = new RateLimiterMemory({ points: perAccount, duration: WINDOW_SECONDS });

  return {
    retryAfterSeconds: WINDOW_SECONDS,

    /** A callback counts as refused until it is taken: so many at once are bounded, too. */
    async admits({ account, address }: Origin): Promise<boolean> {
      return (await consumes(refusedOfAddress, networkOf(address))) && (await consumes(ofAccount, account));
    },

    async take({ address }: Pick<Origin, 'address'>): Promise<void> {
      await refusedOfAddress.reward(networkOf(address));
    },
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

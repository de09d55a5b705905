import type { Logger } from './logger.js';
import { atMost } from './patience.js';

const LIMIT_MS = 30_000;

/**
 * Runs `close` once, on SIGTERM, on Ctrl-C, or when the supervisor that started this process dies (its IPC channel closes),
 * and then ends the process. What does not close within `limitMs`, because it waits for a part that is away, is left.
 */
export function closeOnSignal(logger: Logger, close: () => Promise<void>, { limitMs = LIMIT_MS } = {}): void {
  let closing = false;
  const stop = (reason: string) => {
    if (closing) return;
    closing = true;
    logger.info({ reason }, 'stopping');
    atMost({ what: 'stopping', limitMs, work: close }).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (process.channel) process.on('disconnect', () => stop('supervisor is gone'));
}

import type { Logger } from './logger.js';

const WITHIN_MS = 30_000;

/**
 * Runs `close` once, on SIGTERM, on Ctrl-C, or when the supervisor that started this process dies (its IPC channel closes),
 * and then ends the process. What does not close in time, because it waits for a part that is away, is left.
 */
export function closeOnSignal(logger: Logger, close: () => Promise<void>, { withinMs = WITHIN_MS } = {}): void {
  let closing = false;
  const stop = (reason: string) => {
    if (closing) return;
    closing = true;
    logger.info({ reason }, 'stopping');
    setTimeout(() => {
      logger.error({ withinMs }, 'stopping took too long');
      process.exit(1);
    }, withinMs);
    close().then(
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

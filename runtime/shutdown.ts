import type { Logger } from './logger.js';

/**
 * Runs `close` once, on SIGTERM, on Ctrl-C, or when the supervisor that started this process dies (its IPC channel closes),
 * and then ends the process.
 */
export function closeOnSignal(logger: Logger, close: () => Promise<void>): void {
  let closing = false;
  const stop = (reason: string) => {
    if (closing) return;
    closing = true;
    logger.info({ reason }, 'stopping');
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

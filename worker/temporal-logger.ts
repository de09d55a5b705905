import { DefaultLogger } from '@temporalio/worker';
import type { Logger } from '../runtime/logger.js';

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** The SDK's own words in our log; its chatter below a warning is left out. */
export function temporalLogger(logger: Logger): DefaultLogger {
  return new DefaultLogger('WARN', ({ level, message, meta }) => {
    const { error, ...rest } = meta ?? {};
    logger[levels[level]]({ ...rest, ...(error ? { err: error } : {}) }, message);
  });
}

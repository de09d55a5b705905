import type { Logger } from 'pino';
import { pino } from 'pino';

export type { Logger };

/** One JSON line per fact: ids always; never prompts, keys or signed addresses. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    base: { name, pid: process.pid },
    redact: { paths: ['req.headers', 'authorization', '*.authorization', 'prompt', '*.prompt'], censor: '[redacted]' },
  });
}

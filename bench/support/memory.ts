import { readFileSync } from 'node:fs';

const BYTES_PER_KB = 1024;

/** What a process holds in memory, from Linux's accounting; NaN elsewhere. */
export function residentBytes(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) * BYTES_PER_KB;
  } catch {
    return Number.NaN;
  }
}

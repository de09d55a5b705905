import { readFileSync } from 'node:fs';
import { descendantsOf } from './descendants.js';

/** The most memory that any child of this process has held so far, in MB, from Linux's accounting; 0 elsewhere. */
export function peakOfChildrenMb(): number {
  return Math.max(0, ...descendantsOf(process.pid).map(peakMb));
}

function peakMb(pid: number): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

import { readdirSync, readFileSync } from 'node:fs';

/** The most memory that any child of this process has held so far, in MB, from Linux's accounting; 0 elsewhere. */
export function peakOfChildrenMb(): number {
  return Math.max(0, ...children().map(peakMb));
}

function children(): string[] {
  try {
    const threads = readdirSync('/proc/self/task');
    return threads.flatMap((thread) =>
      readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
    );
  } catch {
    return [];
  }
}

function peakMb(pid: string): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

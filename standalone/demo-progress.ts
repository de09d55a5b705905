type Output = Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;

/** What is told of a job: in a dialect, its status only. */
type Shown = { status: string; phase?: string | null; progress?: number | null; provider?: string };

const MS_PER_SECOND = 1_000;
const CLEAR_LINE = '\r\u001b[K';

/** Shows a job as it goes: one line that changes on a terminal, a line per change elsewhere. */
export function createProgress(output: Output, now: () => number = () => performance.now()) {
  const startedAtMs = now();
  let last = '';

  return {
    show(job: Shown): void {
      const state = describe(job);
      const line = `${state} · ${((now() - startedAtMs) / MS_PER_SECOND).toFixed(1)} s`;
      if (output.isTTY) output.write(`${CLEAR_LINE}${line}`);
      else if (state !== last) output.write(`${line}\n`);
      last = state;
    },
    end(): void {
      if (output.isTTY) output.write('\n');
    },
  };
}

function describe({ status, phase, progress = null, provider }: Shown): string {
  const percent = progress === null ? undefined : `${progress} %`;
  return [status, phase, percent, provider].filter(Boolean).join(' · ');
}

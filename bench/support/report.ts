import Table from 'cli-table3';

export type Figure = { figure: string; measured: string; limit: string; ratio: string; goal: string };

/** The rows of one run, each beside the limit that was measured in the same run. */
export function printFigures(figures: Figure[]): void {
  const table = new Table({ head: ['figure', 'measured', 'limit', 'ratio', 'goal'], style: { head: [], border: [] } });
  for (const { figure, measured, limit, ratio, goal } of figures) table.push([figure, measured, limit, ratio, goal]);
  process.stdout.write(`${table.toString()}\n`);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

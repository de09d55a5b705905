import { cpus } from 'node:os';
import Table from 'cli-table3';
import { percentile } from '../bench/support/report.js';
import type { CellReport, RunReport } from './run.js';

const HEAD = ['cell', 'episodes', 'fired', 'violations', 'recovered p50', 'max'];

export function printReport({ seed, cells, skipped, violations }: RunReport): void {
  const table = new Table({ head: HEAD, style: { head: [], border: [] } });
  for (const report of sorted(cells)) table.push(rowOf(report));
  const write = (text: string) => void process.stdout.write(`${text}\n`);
  write(table.toString());
  for (const { cell, why } of skipped) write(`skipped ${cell}: ${why}`);
  for (const { cell, violations: found, fired, episodes } of sorted(cells)) {
    if (fired < episodes) write(`NOT FIRED ${cell}: ${episodes - fired} of ${episodes}`);
    for (const what of found) write(`VIOLATION ${cell}: ${what}`);
  }
  for (const { invariant, subject, what } of violations)
    write(`VIOLATION of the whole: ${invariant} ${subject ?? ''} ${what}`);
  write(`seed ${seed}: ${summaryOf(cells)}`);
}

/** The same as Markdown, with what is needed to have it again. */
export function describeRun(report: RunReport, { command, startedAt }: { command: string; startedAt: Date }): string {
  const { cells, skipped, violations } = report;
  const [processor] = cpus();
  const rows = sorted(cells).map((cell) => `| ${rowOf(cell).join(' | ')} |`);
  const findings = [
    ...sorted(cells).flatMap(({ cell, violations: found }) => found.map((what) => `- ${cell}: ${what}`)),
    ...violations.map(({ invariant, subject, what }) => `- ${invariant} ${subject ?? ''} ${what}`),
  ];
  return [
    `\`${command}\` on ${startedAt.toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} × ${processor?.model.trim() ?? 'unknown'}.`,
    '',
    `**${summaryOf(cells)}**`,
    '',
    `| ${HEAD.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(HEAD.length - 1)}`,
    ...rows,
    '',
    ...(skipped.length > 0 ? ['Skipped here:', '', ...skipped.map(({ cell, why }) => `- ${cell}: ${why}`), ''] : []),
    ...(findings.length > 0 ? ['Violations:', '', ...findings, ''] : []),
  ].join('\n');
}

function summaryOf(cells: readonly CellReport[]): string {
  const sum = (count: (cell: CellReport) => number) => cells.reduce((total, cell) => total + count(cell), 0);
  const episodes = sum((cell) => cell.episodes);
  return `${episodes} episodes in ${cells.length} cells, ${sum((cell) => cell.fired)} faults fired, ${sum((cell) => cell.violations.length)} violations`;
}

function rowOf({ cell, episodes, fired, violations, recoveredMs }: CellReport): string[] {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const figures =
    recoveredMs.length > 0 ? [seconds(percentile(recoveredMs, 0.5)), seconds(Math.max(...recoveredMs))] : ['', ''];
  return [cell, String(episodes), String(fired), String(violations.length), ...figures];
}

function sorted(cells: readonly CellReport[]): CellReport[] {
  return cells.toSorted((left, right) => left.cell.localeCompare(right.cell, 'en', { numeric: true }));
}

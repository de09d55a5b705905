import Table from 'cli-table3';
import pc from 'picocolors';

type Cell = string | number | Date | null;

/** A table for reading: dates to the second, empty cells for what is not there. */
export function table(titles: string[], rows: Cell[][]): string {
  const drawn = new Table({ head: titles.map((title) => pc.bold(title)), style: { head: [], border: [] } });
  drawn.push(...rows.map((row) => row.map(textOf)));
  return drawn.toString();
}

function textOf(cell: Cell): string {
  if (cell === null) return '';
  return cell instanceof Date ? `${cell.toISOString().slice(0, 19)}Z` : String(cell);
}

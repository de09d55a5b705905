import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import type { Micros } from '../contract/money.js';

const MICROS_PER_DOLLAR = 1_000_000;

/** Providers bill in fractions of a cent, and give money back with a minus. */
const amountSchema = z
  .string()
  .regex(/^-?\d{1,9}(\.\d+)?$/, 'is not an amount in dollars, such as 0.8')
  .transform((text): Micros => Math.round(Number(text) * MICROS_PER_DOLLAR));

const lineSchema = z.object({ task_id: z.string().min(1, 'is empty'), amount_usd: amountSchema });
const recordSchema = z.object({ record: z.record(z.string(), z.string()), info: z.object({ lines: z.number() }) });

/** What a provider bills for each task: a CSV with the columns `task_id` and `amount_usd`. Several lines of one task are added up. */
export function readBill(csv: string): Map<string, Micros> {
  const billed = new Map<string, Micros>();
  for (const { record, info } of recordsOf(csv)) {
    const line = lineSchema.safeParse(record);
    if (!line.success) {
      const [issue] = line.error.issues;
      throw new Error(`Line ${info.lines} of the bill: ${issue?.path.join('.')} ${issue?.message}.`);
    }
    const { task_id: taskId, amount_usd: micros } = line.data;
    billed.set(taskId, (billed.get(taskId) ?? 0) + micros);
  }
  return billed;
}

function recordsOf(csv: string) {
  try {
    const options = { columns: checkedColumns, bom: true, trim: true, skip_empty_lines: true, info: true } as const;
    return z.array(recordSchema).parse(parse(csv, options));
  } catch (error) {
    if (error instanceof CsvError) throw new Error(`The bill is no readable CSV: ${error.message}`, { cause: error });
    throw error;
  }
}

function checkedColumns(titles: string[]): string[] {
  const missing = Object.keys(lineSchema.shape).filter((name) => !titles.includes(name));
  if (missing.length > 0)
    throw new Error(`The bill has no column ${missing.join(' and ')}; its first line names them.`);
  return titles;
}

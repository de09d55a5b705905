import { InvalidArgumentError } from 'commander';

/** A moment as a person gives it on the command line. */
export function readDate(value: string): Date {
  const date = new Date(value);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('A date looks like 2026-11-01 or 2026-11-01T12:00:00Z.');
  return date;
}

import { existsSync, writeFileSync } from 'node:fs';

/** Keeps a history for every later version of its workflow to replay, where `RECORD_HISTORIES=1` asks for it and none is kept. */
export function keepHistory(file: string, history: unknown): void {
  if (!process.env.RECORD_HISTORIES || existsSync(file)) return;
  // Stack traces name the folders of whoever recorded it, and are nothing to a replay.
  const kept = JSON.stringify(history, (key, value: unknown) => (key === 'stackTrace' ? '' : value), 1);
  writeFileSync(file, `${kept}\n`);
}

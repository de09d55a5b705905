import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Violation } from './violation.js';

type Places = {
  home: string;
  canaries: readonly string[];
  /** Of a job or a pipeline of which they must speak. */
  anId: string | undefined;
};

/** Addresses that open a file: those of the providers' stand-in, and our own. */
const signedAddresses = [/\/files\/[0-9a-f]{32}\.mp4/, /[?&]signature=[\w-]{20,}/];
/** Not ours: the stand-in speaks of its own affairs. */
const foreignLogs = new Set(['sandbox.log']);

/** Searches every log, and the file in which Temporal keeps every history, for what must be in none. */
export function checkSecrets({ home, canaries, anId }: Places): Violation[] {
  const found: Violation[] = [];
  const blame = (what: string) => found.push({ invariant: 'I9', subject: null, what });
  const logs = readdirSync(join(home, 'logs')).filter((name) => !foreignLogs.has(name));
  const histories = ['temporal.db', 'temporal.db-wal'];
  const texts = new Map<string, string>();
  for (const name of logs) texts.set(`logs/${name}`, readFileSync(join(home, 'logs', name), 'latin1'));
  for (const name of histories.filter((each) => existsSync(join(home, each)))) {
    texts.set(name, readFileSync(join(home, name), 'latin1'));
  }

  const linkSecret = readFileSync(join(home, 'link-secret'), 'utf8').trim();
  for (const [name, text] of texts) {
    for (const secret of [...canaries, linkSecret]) {
      if (text.includes(secret)) blame(`${name} holds ${secret.slice(0, 6)}…`);
    }
    for (const pattern of signedAddresses) if (pattern.test(text)) blame(`${name} holds a signed address`);
  }
  // A search that could not find anything would say nothing.
  const isSeen = (names: string[]) => names.some((name) => texts.get(name)?.includes(anId ?? ''));
  if (anId && !isSeen(histories)) blame('the histories could not be searched');
  if (anId && !isSeen(['logs/worker.log'])) blame('the log of the worker could not be searched');
  return found;
}

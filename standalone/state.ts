import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findProjectRoot } from '../runtime/root.js';

const SECRET_BYTES = 32;

/** The folder that holds everything one stack keeps; a second stack in the same clone has another. */
export function homeFolder(environment: NodeJS.ProcessEnv): string {
  return environment.REELAY_HOME ? resolve(environment.REELAY_HOME) : join(findProjectRoot(), '.reelay');
}

/** The secret in a file that only its owner may read; made up at the first call. */
export function keptSecret(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  writePrivate(file, secret);
  return secret;
}

/** Replaces a file in one step, readable for its owner only: a reader sees the old text or the new one. */
export function writePrivate(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}

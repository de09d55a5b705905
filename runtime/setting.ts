import { readFileSync } from 'node:fs';

/** The value of a setting, given directly or by a file that `NAME_FILE` names. An empty text counts as unset. */
export function settingOf(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const file = environment[`${name}_FILE`];
  return environment[name] || (file ? readFileSync(file, 'utf8').trim() : undefined);
}

import pc from 'picocolors';
import { AlreadyRunningError } from './instance.js';
import { readStackFile } from './stack-file.js';
import { homeFolder } from './state.js';
import { createSupervisor } from './supervisor.js';

/** `npm start`: everything up, the addresses printed, and everything down again on Ctrl-C or SIGTERM. */
const MS_PER_SECOND = 1_000;
const startedAtMs = performance.now();
const home = homeFolder(process.env);
const say = (text: string) => process.stderr.write(`${pc.dim(new Date().toISOString())} ${text}\n`);
const supervisor = createSupervisor({ home, environment: process.env, say });

// Whoever read our output may be gone; what we run is not theirs to take along.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

let isStopping = false;
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (isStopping) return;
    say('stopping …');
    void stop(0);
  });
}

try {
  const stack = await supervisor.start();
  const rows = [
    ['api', stack.apiUrl],
    ['key', stack.apiKey],
    ['Temporal', stack.temporalAddress],
    ['Temporal UI', stack.temporalUiUrl],
    ['sandbox', stack.sandboxUrl],
    ['state', home],
  ].filter(([, value]) => value);
  for (const [name = '', value = ''] of rows) process.stdout.write(`${pc.bold(name.padEnd(12))} ${value}\n`);
  process.stdout.write(`ready in ${((performance.now() - startedAtMs) / MS_PER_SECOND).toFixed(1)} s\n`);
} catch (error) {
  if (!isStopping) await fail(error);
}

async function fail(error: unknown): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  const address = error instanceof AlreadyRunningError ? readStackFile(home)?.apiUrl : undefined;
  process.stderr.write(`${pc.red('reelay:')} ${reason}${address ? ` Its address is ${address}.` : ''}\n`);
  await stop(1);
}

async function stop(code: number): Promise<void> {
  isStopping = true;
  await supervisor.stop();
  process.exit(code);
}

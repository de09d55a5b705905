import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from './error-code.js';
import { isRunning, startOf } from './processes.js';

type Choice = {
  /** The variable that fixes the port. */
  variable: string;
  /** Tried first, and then its neighbours, where the variable is not set; where it is `0`, any free port will do. */
  preferred: number;
  /** The port of an earlier run that others may still know: better than any other, unless one is asked for. */
  last?: number | undefined;
  environment: NodeJS.ProcessEnv;
  host?: string;
};

const NEIGHBOURS = 50;
const RESERVATIONS = join(tmpdir(), `reelay-ports-${process.getuid?.() ?? 'all'}`);

/**
 * Chooses ports for processes that listen a little later. Until `release`, no other supervisor of this user chooses them: two that start
 * at the same moment would both find the same port free.
 */
export function createPorts() {
  const reserved = new Set<number>();

  async function take(port: number, host: string): Promise<boolean> {
    if ((await listenOnce(port, host)) === undefined || !reserve(port)) return false;
    reserved.add(port);
    return true;
  }

  return {
    /** The port to use; throws when the one that was asked for is taken. */
    async choose({ variable, preferred, last, environment, host = '127.0.0.1' }: Choice): Promise<number> {
      const asked = environment[variable];
      if (asked && asked !== '0') {
        const port = Number(asked);
        if (!Number.isInteger(port) || port < 1 || port > 65_535)
          throw new Error(`${variable}=${asked} is not a port.`);
        if (!(await take(port, host))) throw new Error(`Port ${port} (${variable}) is taken by another process.`);
        return port;
      }
      const neighbours = asked === '0' ? [] : Array.from({ length: NEIGHBOURS }, (_, offset) => preferred + offset);
      for (const port of last ? [last, ...neighbours] : neighbours) if (await take(port, host)) return port;
      for (;;) {
        const port = await freePort(host);
        if (await take(port, host)) return port;
      }
    },

    release(): void {
      for (const port of reserved) rmSync(join(RESERVATIONS, String(port)), { force: true });
      reserved.clear();
    },
  };
}

/** False when a process that still runs has reserved the port. */
function reserve(port: number): boolean {
  mkdirSync(RESERVATIONS, { recursive: true, mode: 0o700 });
  const file = join(RESERVATIONS, String(port));
  if (existsSync(file) && !isHeld(file)) rmSync(file, { force: true });
  try {
    writeFileSync(file, `${process.pid} ${startOf(process.pid)}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function isHeld(file: string): boolean {
  const [pid = '', ...startedAt] = readFileSync(file, 'utf8').split(' ');
  // A file without its words yet is just being written.
  return pid === '' || isRunning({ pid: Number(pid), startedAt: startedAt.join(' ') });
}

/** A port that the system picks. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const port = await listenOnce(0, host);
  if (port === undefined) throw new Error(`no port is free on ${host}`);
  return port;
}

async function listenOnce(port: number, host: string): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    const address = server.address();
    return address && typeof address === 'object' ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}

import { once } from 'node:events';
import { createServer } from 'node:net';

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

/** A chooser that never names the same port twice: nobody listens on the first when the second is chosen. */
export function createPortChooser() {
  const chosen = new Set<number>();

  async function isFree(port: number, host: string): Promise<boolean> {
    return !chosen.has(port) && (await listenOnce(port, host)) !== undefined;
  }

  /** The port to use; throws when the one that was asked for is taken. */
  return async ({ variable, preferred, last, environment, host = '127.0.0.1' }: Choice): Promise<number> => {
    const asked = environment[variable];
    if (asked && asked !== '0') {
      const port = Number(asked);
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${variable}=${asked} is not a port.`);
      if (!(await isFree(port, host))) throw new Error(`Port ${port} (${variable}) is taken by another process.`);
      chosen.add(port);
      return port;
    }
    const neighbours = asked === '0' ? [] : Array.from({ length: NEIGHBOURS }, (_, offset) => preferred + offset);
    for (const port of last ? [last, ...neighbours] : neighbours) {
      if (!(await isFree(port, host))) continue;
      chosen.add(port);
      return port;
    }
    const port = await freePort(host);
    chosen.add(port);
    return port;
  };
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

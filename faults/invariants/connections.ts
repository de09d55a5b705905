import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import type { Violation } from './violation.js';

/** What api and worker say, when they say all, of each connection that their guard made. */
const SAID = 'connected to an address that somebody else chose';
const lineSchema = z.object({ msg: z.literal(SAID), address: z.string(), port: z.number() });

type Logs = { home: string; openPorts: readonly number[] };

/** Reads where the guard let connections through to: to public addresses, and to the ports of this machine that were opened by a setting. */
export function checkConnections({ home, openPorts }: Logs): Violation[] {
  const lines = ['api.log', 'worker.log'].flatMap((name) => connectionsIn(join(home, 'logs', name)));
  const isAllowed = ({ address, port }: { address: string; port: number }) => {
    const range = ipaddr.process(address).range();
    return range === 'unicast' || (range === 'loopback' && openPorts.includes(port));
  };
  const found = lines
    .filter((line) => !isAllowed(line))
    .map(
      ({ address, port }): Violation => ({ invariant: 'I10', subject: null, what: `connected to ${address}:${port}` }),
    );
  // A log without a line would prove nothing.
  if (lines.length === 0) found.push({ invariant: 'I10', subject: null, what: 'no connection is in the logs' });
  return found;
}

function connectionsIn(file: string): z.infer<typeof lineSchema>[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${SAID}"`))
    .map((line) => lineSchema.parse(JSON.parse(line)));
}

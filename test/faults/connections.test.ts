import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkConnections } from '../../faults/invariants/connections.js';

describe('the judge of connections', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'reelay-connections-'));
    mkdirSync(join(home, 'logs'));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  function found(...connections: { address: string; port: number }[]): string[] {
    const msg = 'connected to an address that somebody else chose';
    const lines = connections.map((connection) => JSON.stringify({ level: 20, ...connection, msg }));
    writeFileSync(join(home, 'logs', 'worker.log'), ['{"msg":"worker is ready"}', ...lines, ''].join('\n'));
    writeFileSync(join(home, 'logs', 'api.log'), 'not JSON\n');
    return checkConnections({ home, openPorts: [8090] }).map(({ what }) => what);
  }

  it('lets public addresses pass, and the opened ports of this machine', () => {
    expect(found({ address: '93.184.216.34', port: 443 }, { address: '127.0.0.1', port: 8090 })).toEqual([]);
    expect(found({ address: '::1', port: 8090 }, { address: '2606:2800:220:1::1', port: 443 })).toEqual([]);
  });

  it.each([
    ['127.0.0.1', 5432],
    ['10.0.0.7', 80],
    ['169.254.169.254', 80],
    ['::ffff:192.168.0.1', 443],
    ['fd00::1', 443],
  ])('blames %s:%d', (address, port) => {
    expect(found({ address, port })).toEqual([`connected to ${address}:${port}`]);
  });

  it('blames logs that tell of no connection at all', () => {
    expect(found()).toEqual(['no connection is in the logs']);
  });
});

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createPorts, freePort } from '../../standalone/ports.js';

describe('the choice of ports', () => {
  const servers: Server[] = [];
  const all: ReturnType<typeof createPorts>[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const ports of all.splice(0)) ports.release();
  });

  function newPorts() {
    const ports = createPorts();
    all.push(ports);
    return ports;
  }

  async function takenPort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  it('names the preferred port when nobody has it', async () => {
    const preferred = await freePort();
    expect(await newPorts().choose({ variable: 'API_PORT', preferred, environment: {} })).toBe(preferred);
  });

  it('names another one when the preferred port is taken', async () => {
    const preferred = await takenPort();
    const port = await newPorts().choose({ variable: 'API_PORT', preferred, environment: {} });
    expect(port).not.toBe(preferred);
    expect(port).toBeGreaterThan(0);
  });

  it('never names the same port twice', async () => {
    const preferred = await freePort();
    const ports = newPorts();
    const first = await ports.choose({ variable: 'API_PORT', preferred, environment: {} });
    const second = await ports.choose({ variable: 'SANDBOX_PORT', preferred, environment: {} });
    expect(second).not.toBe(first);
  });

  it('never names a port that another supervisor has chosen, until that one releases it', async () => {
    const preferred = await freePort();
    const first = newPorts();
    expect(await first.choose({ variable: 'API_PORT', preferred, environment: {} })).toBe(preferred);
    expect(await newPorts().choose({ variable: 'API_PORT', preferred, environment: {} })).not.toBe(preferred);
    first.release();
    expect(await newPorts().choose({ variable: 'API_PORT', preferred, environment: {} })).toBe(preferred);
  });

  it('goes back to the port of an earlier run, and elsewhere when that one is taken', async () => {
    const last = await freePort();
    const environment = { API_PORT: '0' };
    expect(await newPorts().choose({ variable: 'API_PORT', preferred: 1, last, environment })).toBe(last);
    const taken = await takenPort();
    const other = await newPorts().choose({ variable: 'API_PORT', preferred: 1, last: taken, environment });
    expect(other).not.toBe(taken);
  });

  it('refuses a port that was asked for and is taken, naming the variable', async () => {
    const taken = await takenPort();
    const choice = newPorts().choose({ variable: 'API_PORT', preferred: 1, environment: { API_PORT: `${taken}` } });
    await expect(choice).rejects.toThrow(`Port ${taken} (API_PORT) is taken by another process.`);
  });

  it.each(['http', '70000', '-1', '80.5'])('refuses %s as a port', async (asked) => {
    const choice = newPorts().choose({ variable: 'API_PORT', preferred: 1, environment: { API_PORT: asked } });
    await expect(choice).rejects.toThrow(`API_PORT=${asked} is not a port.`);
  });
});

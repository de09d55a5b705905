import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The least that a server can do with a flood: what it costs the machine, and nobody else. */
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(429).end();
}).listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${port}` });
});
process.on('disconnect', () => process.exit(0));

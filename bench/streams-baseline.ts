import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The least that can hold a stream of events open: a bare server that says one thing to whoever comes, and nothing more. */
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('id: 1\nevent: job.queued\ndata: {}\n\n');
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${port}` });
});
process.on('disconnect', () => process.exit());

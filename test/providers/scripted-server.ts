import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type SeenRequest = { method: string; path: string; headers: IncomingHttpHeaders; body: string };
export type Script = (response: ServerResponse, request: SeenRequest) => void;

export type ScriptedServer = Awaited<ReturnType<typeof startScriptedServer>>;

/** A server on a free loopback port that does to each complete request what the script says, and keeps what it saw. */
export async function startScriptedServer(script: Script) {
  const requests: SeenRequest[] = [];
  let connections = 0;
  const arrivals: (() => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const seen = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
      requests.push(seen);
      for (const arrive of arrivals.splice(0)) arrive();
      script(response, seen);
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    connectionCount: () => connections,
    openConnections: () =>
      new Promise<number>((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    /** Resolves when the next request is complete. */
    nextRequest: () => new Promise<void>((resolve) => arrivals.push(resolve)),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export const answerWith =
  (status: number, body: unknown, headers: Record<string, string> = {}): Script =>
  (response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };

import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as Listener, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const HEADERS_TIMEOUT_MS = 15_000;
/** The largest body over a slow line. */
const REQUEST_TIMEOUT_MS = 180_000;
const KEEP_ALIVE_TIMEOUT_MS = 15_000;
/** A caller who neither sends nor takes a byte for this long is gone. */
const IDLE_TIMEOUT_MS = 120_000;
const DRAIN_MS = 20_000;
const CLOSE_IDLE_EVERY_MS = 100;
/** So long a connection may be idle after its last answer before we close it when we stop: its next request may be on its way. */
const LAST_REQUEST_WITHIN_MS = 300;

export type HttpServer = {
  /** Where it listens. */
  url: string;
  /** Takes no more connections, finishes what was asked, and gives up on what takes too long. */
  close(): Promise<void>;
};

export async function startServer(
  listener: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<HttpServer> {
  let isClosing = false;
  const openResponses = new Set<ServerResponse>();
  /** Connections on which nobody has asked for anything. Node takes them for busy, as their first request may be on its way. */
  const unusedConnections = new Set<Socket>();
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    },
    (request, response) => {
      unusedConnections.delete(request.socket);
      if (isClosing) response.setHeader('Connection', 'close');
      openResponses.add(response);
      response.once('close', () => openResponses.delete(response));
      listener(request, response);
    },
  );
  server.timeout = IDLE_TIMEOUT_MS;
  server.on('connection', (socket) => {
    unusedConnections.add(socket);
    socket.once('close', () => unusedConnections.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });

  return {
    url: urlOf(server),
    async close() {
      isClosing = true;
      // Told in time, callers send their next request elsewhere instead of into a closing connection.
      for (const response of openResponses) if (!response.headersSent) response.setHeader('Connection', 'close');
      // Not the server's own `close`, which cuts idle connections at once.
      const closed = new Promise<void>((resolve) => Listener.prototype.close.call(server, () => resolve()));
      await Promise.race([closed, pause(LAST_REQUEST_WITHIN_MS)]);
      const closeIdle = setInterval(() => {
        server.closeIdleConnections();
        for (const socket of unusedConnections) socket.destroy();
      }, CLOSE_IDLE_EVERY_MS);
      const giveUp = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      await closed;
      clearInterval(closeIdle);
      clearTimeout(giveUp);
    },
  };
}

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/**
 * `refuse`: nobody listens. `silence`: connections are taken and nothing passes. `reset_after_request`: what was asked passes, the answer is
 * cut off. `late`: every piece takes its time.
 */
export type LineMode = 'pass' | 'refuse' | 'silence' | 'reset_after_request' | 'late';

const LATE_MS = 200;

/** A line that can break, to a port of this machine. */
export async function startLine(targetPort: number, port: number) {
  let mode: LineMode = 'pass';
  let broken = 0;
  let server: Server | undefined;
  const sockets = new Set<Socket>();
  await listen();

  return {
    url: `http://127.0.0.1:${port}`,
    /** How many connections met a fault. */
    broken: () => broken,
    async setMode(next: LineMode): Promise<void> {
      mode = next;
      // Connections of before would pass the fault by.
      for (const socket of sockets) socket.destroy();
      if (mode === 'refuse') await shut();
      else if (!server) await listen();
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await shut();
    },
  };

  async function listen(): Promise<void> {
    server = createServer((caller) => serve(caller));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }

  async function shut(): Promise<void> {
    const closing = server;
    server = undefined;
    if (!closing) return;
    closing.close();
    await once(closing, 'close');
  }

  function serve(caller: Socket): void {
    keep(caller);
    if (mode !== 'pass') broken += 1;
    if (mode === 'silence') return;
    const target = keep(connect(targetPort, '127.0.0.1'));
    if (mode === 'late') {
      caller.pipe(late()).pipe(target);
      target.pipe(late()).pipe(caller);
    } else {
      caller.pipe(target);
      if (mode === 'reset_after_request') target.once('data', () => caller.resetAndDestroy());
      else target.pipe(caller);
    }
    caller.once('close', () => target.destroy());
    // What is late is still under way when the other side has closed.
    target.once('close', () => (mode === 'late' ? setTimeout(() => caller.end(), 2 * LATE_MS) : caller.end()));
  }

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    return socket;
  }
}

function late(): Transform {
  return new Transform({
    transform(chunk: Buffer, _, done) {
      setTimeout(() => done(null, chunk), LATE_MS);
    },
  });
}

export type Line = Awaited<ReturnType<typeof startLine>>;

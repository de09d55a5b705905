import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line to a server that a test can hold or cut. Answers that are held come when it is let go. */
export async function startCable(target: { host: string; port: number }) {
  const lines = new Map<Socket, Socket>();
  let isHeld = false;
  let lineCount = 0;
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    lineCount += 1;
    const far = connect(target);
    lines.set(near, far);
    near.on('error', () => far.destroy()).on('close', () => lines.delete(near) && far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.pipe(far);
    if (!isHeld) far.pipe(near);
    return near;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  function cut(): void {
    isCut = true;
    for (const near of lines.keys()) near.destroy();
  }

  return {
    host: '127.0.0.1',
    port,
    /** What is sent still arrives; what is answered does not. */
    holdAnswers() {
      isHeld = true;
      for (const [near, far] of lines) far.unpipe(near);
    },
    /** Whether somebody waits for an answer that is held. */
    isHolding: () => [...lines.values()].some((far) => far.readableLength > 0),
    /** How many were ever opened. */
    lineCount: () => lineCount,
    letGo() {
      isHeld = false;
      for (const [near, far] of lines) far.pipe(near);
    },
    /** Nobody is there any more. */
    cut,
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

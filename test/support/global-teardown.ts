import { once } from 'node:events';

export default async function stopServices(): Promise<void> {
  const child = globalThis.testServices;
  if (!child || child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.send('stop');
  await ended;
}

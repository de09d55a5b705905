import { randomBytes } from 'node:crypto';
import autocannon from 'autocannon';

export type Flood = { stop(): Promise<{ perSecond: number; statuses: Record<string, number> }> };

const FOR_EVER_SECONDS = 3_600;

type Offered = { perSecond: number; connections: number };

/** So many wrong guesses a second at the addresses for callbacks, until it is told to stop. */
export function startFlood(url: string, { perSecond, connections }: Offered): Flood {
  const path = `/callbacks/pixazo/${randomBytes(24).toString('base64url')}`;
  const startedAtMs = performance.now();
  const statuses: Record<string, number> = {};
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const options = {
    url: `${url}${path}`,
    method: 'POST' as const,
    body: '{"request_id":"sora-video_1","status":"COMPLETED"}',
    connections,
    overallRate: perSecond,
    duration: FOR_EVER_SECONDS,
  };
  const running = autocannon(options, () => end());
  running.on('response', (_client, status) => {
    statuses[status] = (statuses[status] ?? 0) + 1;
  });

  return {
    async stop() {
      const seconds = (performance.now() - startedAtMs) / 1_000;
      running.stop();
      await ended;
      const sent = Object.values(statuses).reduce((sum, count) => sum + count, 0);
      return { perSecond: sent / seconds, statuses };
    },
  };
}

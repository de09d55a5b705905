import { setTimeout as pause } from 'node:timers/promises';

export type ReceivedEvent = { id: string; type: string; data: Record<string, unknown> };

/** A stream of events as a client reads it. Cut off, it ends with what was whole. */
export function readEvents(response: Response) {
  const events: ReceivedEvent[] = [];
  const retries: number[] = [];
  let comments = 0;
  let isOver = false;
  const wakers = new Set<() => void>();
  const wake = () => {
    for (const waker of wakers) waker();
  };
  const over = read()
    .catch(() => {})
    .finally(() => {
      isOver = true;
      wake();
    });

  return {
    response,
    events,
    retries,
    comments: () => comments,
    /** Resolves when the other side has ended, or is gone. */
    over,
    /** Waits for the first event for which it holds. */
    async until(holds: (event: ReceivedEvent) => boolean): Promise<ReceivedEvent> {
      for (;;) {
        const found = events.find(holds);
        if (found) return found;
        if (isOver) throw new Error(`the stream ended before, after ${JSON.stringify(events)}`);
        await new Promise<void>((resolve) => {
          const waker = () => {
            wakers.delete(waker);
            resolve();
          };
          wakers.add(waker);
        });
      }
    },
  };

  async function read(): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) take(block);
      wake();
    }
  }

  function take(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) comments += 1;
      else fields.set(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart());
    }
    const retry = fields.get('retry');
    if (retry !== undefined) retries.push(Number(retry));
    const data = fields.get('data');
    if (data === undefined) return;
    events.push({ id: fields.get('id') ?? '', type: fields.get('event') ?? 'message', data: JSON.parse(data) });
  }
}

const RETRY_MS = 100;

type Following = {
  /** Asks for what follows the event, from the beginning by an empty id. */
  connect: (lastEventId: string) => Promise<Response>;
};

/** Follows a job as a browser does: whenever the stream ends it asks for what comes after, until it is told that there is no more. */
export function followEvents({ connect }: Following) {
  const streams: ReturnType<typeof readEvents>[] = [];
  const events = () => streams.flatMap((stream) => stream.events);

  return { streams, events, done: follow() };

  async function follow(): Promise<ReceivedEvent[]> {
    for (;;) {
      const response = await connect(events().at(-1)?.id ?? '').catch(() => undefined);
      if (response?.status === 204) return events();
      if (response?.ok) {
        const stream = readEvents(response);
        streams.push(stream);
        await stream.over;
      } else if (response && response.status < 500) throw new Error(`${response.status} ${await response.text()}`);
      await pause(RETRY_MS);
    }
  }
}

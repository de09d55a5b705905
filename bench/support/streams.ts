import { Agent, get, type IncomingMessage } from 'node:http';

export type OpenStream = {
  /** From the request to the first event. */
  firstEventMs: number;
  close: () => void;
};

type Opening = {
  url: string;
  headers?: Record<string, string>;
  /** Called for every event that comes, with the text of it. */
  onEvent?: (text: string, atMs: number) => void;
};

const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });

/** Opens a stream and resolves at its first event. */
export function openStream({ url, headers = {}, onEvent = () => {} }: Opening): Promise<OpenStream> {
  const askedAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers: { accept: 'text/event-stream', ...headers } }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`a stream was answered ${response.statusCode}`));
        return;
      }
      readEvents(response, (text) => {
        const atMs = performance.now();
        resolve({ firstEventMs: atMs - askedAtMs, close: () => request.destroy() });
        onEvent(text, atMs);
      });
    });
    request.once('error', reject);
  });
}

function readEvents(response: IncomingMessage, onEvent: (text: string) => void): void {
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const blocks = (text + chunk).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) if (block.includes('data:')) onEvent(block);
  });
  response.on('error', () => {});
}

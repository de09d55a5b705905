import { z } from 'zod';

/** Where a job stands, in the words of a dialect. */
export type Standing = { status: string; outcome: 'open' | 'done' | 'lost'; video?: string };

/** How a client of one vendor's API makes a video here, and which of our own requests goes to that vendor as a provider. */
export type DialectDemo = {
  headers: (key: string) => Record<string, string>;
  create: { path: string; body: object };
  idOf: (answer: unknown) => string;
  look: (id: string) => string;
  /** `video` is its address: a link, or a path that wants the key. */
  read: (answer: unknown) => Standing;
  spoken: { provider: string; request: object };
};

const prompt = 'A paper boat crosses a quiet lake at dawn.';
const pace = { prompt, wait_seconds: 1, poll_interval_seconds: 1 };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

const words = (done: string, lost: readonly string[]) => (status: string) =>
  status === done ? 'done' : lost.includes(status) ? 'lost' : 'open';

const omixaAnswer = z.object({
  operation: z.string(),
  status: z.string(),
  data: z.array(z.object({ url: z.string() })),
});
const omixaWords = words('succeeded', ['failed', 'canceled']);

const pixazoAnswer = z.object({
  request_id: z.string(),
  status: z.string(),
  output: z.object({ media_url: z.array(z.string()) }).nullish(),
});
const pixazoWords = words('COMPLETED', ['FAILED', 'ERROR']);

const apixoCreated = z.object({ data: z.object({ taskId: z.string() }) });
const apixoAnswer = z.object({ data: z.object({ state: z.string(), resultJson: z.string().nullish() }) });
const apixoResult = z.object({ resultUrls: z.array(z.string()) });
const apixoWords = words('success', ['failed']);

const createdVideo = z.object({ id: z.string() });
const globalaiopcAnswer = z.object({ status: z.string(), video_url: z.string().nullish() });
const openaiAnswer = z.object({ id: z.string(), status: z.string() });
const videoWords = words('completed', ['failed']);

/** By the names that `npm run demo -- --dialect` takes. */
export const dialectDemos: Record<string, DialectDemo> = {
  omixa: {
    headers: bearer,
    create: { path: '/api/v1/videos/jobs', body: { model: 'sora', seconds: '4', size: '1280x720', ...pace } },
    idOf: (answer) => omixaAnswer.parse(answer).operation,
    look: (id) => `/api/v1/videos/jobs/status?operation=${id}`,
    read: (answer) => {
      const { status, data } = omixaAnswer.parse(answer);
      return { status, outcome: omixaWords(status), video: data[0]?.url };
    },
    spoken: { provider: 'omixa', request: { model: 'sora', seconds: 4, ...pace } },
  },
  pixazo: {
    headers: (key) => ({ 'ocp-apim-subscription-key': key }),
    create: {
      path: '/sora-video/v1/video/generate',
      body: { prompt, model: 'sora-2-pro', size: '1280x720', seconds: 4 },
    },
    idOf: (answer) => pixazoAnswer.parse(answer).request_id,
    look: (id) => `/v2/requests/status/${id}`,
    read: (answer) => {
      const { status, output } = pixazoAnswer.parse(answer);
      return { status, outcome: pixazoWords(status), video: output?.media_url[0] };
    },
    spoken: { provider: 'pixazo', request: { model: 'sora-2-pro', seconds: 4, size: '1280x720', ...pace } },
  },
  apixo: {
    headers: bearer,
    create: {
      path: '/api/v1/generateTask/sora-2',
      body: { provider: 'auto', input: { mode: 'text-to-video', prompt, duration: 10, aspect_ratio: 'landscape' } },
    },
    idOf: (answer) => apixoCreated.parse(answer).data.taskId,
    look: (id) => `/api/v1/statusTask/sora-2?taskId=${id}`,
    read: (answer) => {
      const { state, resultJson } = apixoAnswer.parse(answer).data;
      const video = resultJson ? apixoResult.parse(JSON.parse(resultJson)).resultUrls[0] : undefined;
      return { status: state, outcome: apixoWords(state), video };
    },
    // The cheapest for ten seconds.
    spoken: { provider: 'apixo', request: { model: 'sora-2', seconds: 10, routing: 'value', ...pace } },
  },
  globalaiopc: {
    headers: bearer,
    create: { path: '/sora/videos', body: { model: 'sora-2-stable', prompt, size: '1280x720', seconds: 10 } },
    idOf: (answer) => createdVideo.parse(answer).id,
    look: (id) => `/sora/videos/${id}`,
    read: (answer) => {
      const { status, video_url: video } = globalaiopcAnswer.parse(answer);
      return { status, outcome: videoWords(status), video: video ?? undefined };
    },
    spoken: { provider: 'globalaiopc', request: { model: 'sora-2-stable', seconds: 10, ...pace } },
  },
  openai: {
    headers: bearer,
    create: { path: '/v1/videos', body: { model: 'sora-2', prompt, seconds: '4', size: '1280x720' } },
    idOf: (answer) => createdVideo.parse(answer).id,
    look: (id) => `/v1/videos/${id}`,
    read: (answer) => {
      const { id, status } = openaiAnswer.parse(answer);
      return { status, outcome: videoWords(status), video: `/v1/videos/${id}/content` };
    },
    spoken: { provider: 'openai-compatible', request: { model: 'sora-2', seconds: 4, size: '1280x720', ...pace } },
  },
};

import { until } from '../support/until.js';

const headers = { authorization: 'Bearer key', 'content-type': 'application/json' };

/** One second of video: the cheapest clip that there is. */
export const omixaJob = (given: object = {}) => ({ model: 'sora', prompt: 'a paper boat', seconds: 1, ...given });
export const apixoTask = (input: object = {}, given: object = {}) => ({
  request_type: 'async',
  input: { mode: 'text-to-video', prompt: 'a paper boat', duration: 10, ...input },
  ...given,
});

export function post(url: string, body: unknown, more: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) });
}

export async function bodyOf<Body>(response: Response | Promise<Response>): Promise<Body> {
  return (await (await response).json()) as Body;
}

export type OmixaJob = {
  operation: string;
  status: string;
  poll_after_seconds: number;
  data: { url: string; content_type: string }[];
  error?: { code: string; message: string };
};

/** A caller of one account at Omixa, by that vendor's page. */
export function omixaCaller(sandboxUrl: string, account = 'omixa') {
  const jobs = `${sandboxUrl}/${account}/api/v1/videos/jobs`;
  const submit = (body: unknown, more?: Record<string, string>) => post(jobs, body, more);
  const look = (operation: string) =>
    fetch(`${jobs}/status?${new URLSearchParams({ operation }).toString()}`, { headers });
  const submitted = (body: unknown) => bodyOf<OmixaJob>(submit(body));
  const looked = (operation: string) => bodyOf<OmixaJob>(look(operation));
  return {
    jobs,
    submit,
    look,
    submitted,
    looked,
    /** Submits and waits for the address of the file. */
    async fileOf(body: unknown): Promise<{ operation: string; url: string }> {
      const { operation } = await submitted(body);
      const url = await until(async () => (await looked(operation)).data[0]?.url, 20);
      return { operation, url };
    },
  };
}

export type ApixoAnswer = {
  code: number;
  message: string;
  data: {
    taskId: string;
    state: string;
    resultJson: string;
    createTime: number;
    completeTime: number;
    costTime: number;
    failCode?: string;
  };
};

export function apixoCaller(sandboxUrl: string, account = 'apixo') {
  const base = `${sandboxUrl}/${account}/api/v1`;
  const submit = (body: unknown, model = 'sora-2') => post(`${base}/generateTask/${model}`, body);
  const look = (taskId: string, model = 'sora-2') => fetch(`${base}/statusTask/${model}?taskId=${taskId}`, { headers });
  return {
    submit,
    look,
    submitted: async (body: unknown) => (await bodyOf<ApixoAnswer>(submit(body))).data.taskId,
    looked: async (taskId: string) => (await bodyOf<ApixoAnswer>(look(taskId))).data,
  };
}

export type PixazoAnswer = {
  request_id: string;
  status: string;
  polling_url: string;
  error: string | null;
  output: { media_url: string[]; media_type: string } | null;
  created_at: string;
  updated_at: string;
  completed_at: string | null;
};

/** The shortest that Pixazo makes. */
export const pixazoTask = (given: object = {}) => ({ prompt: 'a paper boat', seconds: 4, size: '1280x720', ...given });

export function pixazoCaller(sandboxUrl: string, account = 'pixazo') {
  const key = { 'Ocp-Apim-Subscription-Key': 'key', authorization: '' };
  const video = `${sandboxUrl}/${account}/sora-video/v1/video`;
  const submit = (body: unknown, more?: Record<string, string>) => post(`${video}/generate`, body, { ...key, ...more });
  const look = (id: string) => fetch(`${sandboxUrl}/${account}/v2/requests/status/${id}`, { headers: key });
  const looked = (id: string) => bodyOf<PixazoAnswer>(look(id));
  return {
    submit,
    submitImage: (body: unknown) => post(`${video}/i2v/generate`, body, key),
    submitted: async (body: unknown, more?: Record<string, string>) =>
      (await bodyOf<PixazoAnswer>(submit(body, more))).request_id,
    look,
    looked,
    ended: (id: string) =>
      until(async () => {
        const answer = await looked(id);
        return !['QUEUED', 'PROCESSING'].includes(answer.status) && answer;
      }, 20),
    result: (videoId: string) => post(`${video}/result`, { video_id: videoId }, key),
  };
}

export type GlobalaiopcVideo = {
  id: string;
  object: string;
  created: number;
  model: string;
  status: string;
  video_url?: string;
  error?: string;
};

export const globalaiopcTask = (given: object = {}) => ({ model: 'sora-2', prompt: 'a paper boat', ...given });

export function globalaiopcCaller(sandboxUrl: string, { account = 'globalaiopc', path = '/sora/videos' } = {}) {
  const videos = `${sandboxUrl}/${account}${path}`;
  const submit = (body: unknown, more?: Record<string, string>) => post(videos, body, more);
  const submitted = (body: unknown) => bodyOf<GlobalaiopcVideo>(submit(body));
  const look = (id: string) => fetch(`${videos}/${id}`, { headers });
  const looked = (id: string) => bodyOf<GlobalaiopcVideo>(look(id));
  return {
    submit,
    submitted,
    look,
    looked,
    ended: (id: string) =>
      until(async () => {
        const video = await looked(id);
        return ['completed', 'failed'].includes(video.status) && video;
      }, 20),
  };
}

export type OpenaiVideo = {
  id: string;
  status: string;
  progress: number;
  seconds: string;
  size: string;
  created_at: number;
  completed_at: number | null;
  expires_at: number | null;
  error: { code: string; message: string } | null;
};

export const openaiVideo = (given: object = {}) => ({
  prompt: 'a paper boat',
  seconds: '4',
  size: '1280x720',
  ...given,
});

export function openaiCaller(sandboxUrl: string, account = 'openai') {
  const videos = `${sandboxUrl}/${account}/v1/videos`;
  const { authorization } = headers;
  const submit = (body: unknown, more?: Record<string, string>) => post(videos, body, more);
  const submitted = (body: unknown) => bodyOf<OpenaiVideo>(submit(body));
  const call = (path: string, method = 'GET') => fetch(`${videos}${path}`, { method, headers: { authorization } });
  const look = (id: string) => call(`/${id}`);
  const looked = (id: string) => bodyOf<OpenaiVideo>(look(id));
  return {
    videos,
    submit,
    submitted,
    submitForm: (body: FormData) => fetch(videos, { method: 'POST', headers: { authorization }, body }),
    call,
    look,
    looked,
    content: (id: string, query = '') => call(`/${id}/content${query}`),
    derive: (path: string, body: unknown) => post(`${videos}${path}`, body),
    ended: (id: string) =>
      until(async () => {
        const video = await looked(id);
        return ['completed', 'failed'].includes(video.status) && video;
      }, 20),
  };
}

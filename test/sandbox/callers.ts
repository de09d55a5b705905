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

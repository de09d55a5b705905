import type { Look, VideoProvider } from '../../contract/provider.js';
import type { ProviderErrorClass } from '../../contract/provider-errors.js';
import { type Adapter, type AdapterDeps, imageAddresses, imageWithoutAddress, statusWord } from '../adapter.js';
import { below } from '../base-url.js';
import { unsignedCallbacks, usableCallbackUrl } from '../callbacks.js';
import { createFailureReader } from '../failure.js';
import { type FailedAnswer, isRefusal, type JsonAnswer } from '../http.js';
import { classOfUsualWords } from '../usual-words.js';
import { apixoAbilities, readApixoSettings } from './models.js';
import {
  readApixoError,
  readCalledBackTask,
  readEnvelope,
  readResultUrls,
  type SubmitAnswer,
  statusAnswer,
  submitAnswer,
  type TaskData,
  taskRequest,
} from './wire.js';

const OK = 200;

const failCodes: Record<string, ProviderErrorClass> = {
  CONTENT_VIOLATION: 'CONTENT_REFUSED',
  INVALID_IMAGE_URL: 'INPUT_INVALID',
};

export const apixo: Adapter = { abilitiesOf: apixoAbilities, create: createApixoProvider };

function createApixoProvider({ account, baseUrl, apiKey, settings, sendJson }: AdapterDeps): VideoProvider {
  const { provider, removeWatermark, callbacks } = readApixoSettings(settings);
  const preferences = { provider, removeWatermark: removeWatermark === 'true' };
  const headers = { authorization: `Bearer ${apiKey}` };
  const failures = createFailureReader({ secrets: [apiKey], readWords: readApixoError, classify: classOfUsualWords });

  const readTask = (data: TaskData): Look => {
    const word = statusWord(data.state);
    const files = word === 'success' ? readResultUrls(data.resultJson).map((url) => ({ url })) : [];
    if (files.length > 0) return { status: 'succeeded', files };
    if (word === 'failed') {
      const code = data.failCode ?? '';
      const said = { code, message: data.failMsg ?? 'the task failed' };
      const errorClass = failCodes[code] ?? classOfUsualWords(said) ?? 'PROVIDER_INTERNAL';
      const error = failures.told({ class: errorClass, ...said, text: JSON.stringify(data) });
      return { status: 'failed', error, charged: 'unknown' };
    }
    // Also `success` without a readable address, which may still appear, and words never seen: the task is paid for.
    return { status: 'pending', providerStatus: word };
  };

  return {
    ...(callbacks === 'true' && {
      callbacks: unsignedCallbacks({ secrets: [apiKey], taskIdOf: readCalledBackTask }),
    }),

    async submit(generation, { signal, callbackUrl: offered }) {
      const { upstreamModel, inputs } = generation;
      const callbackUrl = callbacks === 'true' ? usableCallbackUrl({ callbackUrl: offered, baseUrl }) : undefined;
      const images = imageAddresses(inputs);
      if (!images) return imageWithoutAddress;

      const answer = await sendJson({
        method: 'POST',
        url: below(baseUrl, `/api/v1/generateTask/${encodeURIComponent(upstreamModel)}`),
        headers,
        body: taskRequest(generation, { ...preferences, firstFrame: images.firstFrame, callbackUrl }),
        response: submitAnswer,
        reuseConnection: false,
        signal,
      });
      const judged = judgeSubmit(answer);
      if (typeof judged !== 'string') return { outcome: judged.kind, error: failures.ofSubmit(judged) };
      return { outcome: 'accepted', task: { account, upstreamModel, id: judged } };
    },

    async look(task, { signal }) {
      const answer = await sendJson({
        method: 'GET',
        url: below(baseUrl, `/api/v1/statusTask/${encodeURIComponent(task.upstreamModel)}`, { taskId: task.id }),
        headers,
        response: statusAnswer,
        reuseConnection: true,
        signal,
      });
      if (answer.kind !== 'ok') throw failures.ofLook(answer);
      const { code, data } = answer.body;
      if (code !== OK || !data) throw failures.ofLook(wordOfEnvelope(code, JSON.stringify(answer.body)));
      return readTask(data);
    },

    // Results lie at public addresses: their host is shown no key.
    openResult: (_task, { url }) => ({ url, headers: {}, credentialOrigin: baseUrl.origin }),
  };
}

/** The id of the task, or what is known about a submit without one. */
function judgeSubmit(answer: JsonAnswer<SubmitAnswer>): string | FailedAnswer {
  if (answer.kind === 'ok') {
    const { code, data } = answer.body;
    if (code === OK && data?.taskId) return data.taskId;
    const judged = wordOfEnvelope(code, JSON.stringify(answer.body));
    return data?.taskId ? contradiction(judged) : judged;
  }
  if (answer.kind !== 'refused') return answer;
  const envelope = readEnvelope(answer.text);
  if (!envelope) return answer;
  if (envelope.data?.taskId) return contradiction(answer);
  return envelope.code >= 400 ? { ...answer, ...wordOfEnvelope(envelope.code, answer.text) } : answer;
}

/** What a `code` other than 200 means: it is read as an HTTP status would be. */
function wordOfEnvelope(code: number, text: string): FailedAnswer {
  if (isRefusal(code)) return { kind: 'refused', status: code, text };
  return { kind: 'unknown', reason: `code ${code} without a usable task`, status: code, text };
}

/** A refusal that names a task: money may have moved. */
function contradiction(answer: FailedAnswer): FailedAnswer {
  return { ...answer, kind: 'unknown', reason: 'a refusal that names a task' };
}

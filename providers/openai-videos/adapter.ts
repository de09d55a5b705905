import type { Look, ProviderTask, VideoProvider } from '../../contract/provider.js';
import type { ProviderErrorClass } from '../../contract/provider-errors.js';
import { type Adapter, type AdapterDeps, statusWord } from '../adapter.js';
import { below } from '../base-url.js';
import { createFailureReader, type VendorWords } from '../failure.js';
import { classOfUsualWords } from '../usual-words.js';
import { createListReader } from './list.js';
import { openaiVideosAbilities, readOpenaiVideosSettings } from './models.js';
import { signedCallbacks } from './webhooks.js';
import {
  createdVideo,
  lookedAtVideo,
  lostWords,
  readOpenaiError,
  submitRequest,
  type Video,
  videoPath,
  wordsOf,
} from './wire.js';

/** The shape that OpenAI gave its videos, as its many resellers and copies speak it. */
export const openaiVideos: Adapter = { abilitiesOf: openaiVideosAbilities, create: createOpenaiVideosProvider };

function createOpenaiVideosProvider(deps: AdapterDeps): VideoProvider {
  const { account, baseUrl, apiKey, settings, webhookSecret, sendJson } = deps;
  const { videosPath, keyHeader, secondsType, imageForm, list } = readOpenaiVideosSettings(settings);
  const headers: Record<string, string> =
    keyHeader === 'api-key' ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` };
  const failures = createFailureReader({ secrets: [apiKey], readWords: readOpenaiError, classify: classOfWords });

  const readVideo = (id: string, video: Video): Look => {
    const word = statusWord(video.status);
    if (word === 'completed') {
      return { status: 'succeeded', files: [{ url: below(baseUrl, `${videoPath(videosPath, id)}/content`).href }] };
    }
    if (lostWords.has(word)) {
      const said = { message: `the task is ${word}`, ...wordsOf(video.error) };
      const error = failures.told({ class: classOfLoss(said), ...said, text: JSON.stringify(video) });
      return { status: 'failed', error, charged: 'unknown' };
    }
    // Words never seen too: the task is paid for and may still finish.
    return { status: 'pending', providerStatus: word, ...progressOf(video) };
  };

  const readList = createListReader({ ...deps, videosPath, headers, failures });

  return {
    ...(list === 'true' && { list: readList }),
    ...(webhookSecret && { callbacks: signedCallbacks({ secret: webhookSecret, apiKey }) }),

    async submit(generation, { signal }) {
      const { upstreamModel } = generation;
      const defaultSize = openaiVideosAbilities(upstreamModel, settings)?.geometry.default;
      const request = defaultSize && submitRequest(generation, { videosPath, secondsType, imageForm, defaultSize });
      if (!request) {
        return {
          outcome: 'not_sent',
          error: { class: 'NOT_FOUND', message: 'the model or an input is not usable here' },
        };
      }
      const answer = await sendJson({
        method: 'POST',
        url: below(baseUrl, request.path),
        headers,
        body: request.body,
        response: createdVideo,
        reuseConnection: false,
        signal,
      });
      if (answer.kind === 'refused' && generation.inputs.sourceVideo) {
        // What is gone may be the source; heard as a submit's refusal, it would stop the model for everybody.
        return { outcome: 'refused', error: failures.ofLook(answer).failure };
      }
      if (answer.kind !== 'ok') return { outcome: answer.kind, error: failures.ofSubmit(answer) };

      const { id } = answer.body;
      const task: ProviderTask = { account, upstreamModel, id };
      const look = readVideo(id, answer.body);
      return look.status === 'pending' ? { outcome: 'accepted', task } : { outcome: 'accepted', task, finished: look };
    },

    async look({ id }, { signal }) {
      const answer = await sendJson({
        method: 'GET',
        url: below(baseUrl, videoPath(videosPath, id)),
        headers,
        response: lookedAtVideo,
        reuseConnection: true,
        signal,
      });
      if (answer.kind !== 'ok') throw failures.ofLook(answer);
      return readVideo(id, answer.body);
    },

    openResult: (_task, { url }) => ({ url, headers, credentialOrigin: baseUrl.origin }),
  };
}

function progressOf({ progress }: Video): { progress?: number } {
  if (typeof progress !== 'number') return {};
  return { progress: Math.min(Math.max(progress, 0), 100) };
}

/** What is wrong with an image may be seen only when the task is begun. */
function classOfLoss(words: VendorWords): ProviderErrorClass {
  return classOfWords(words) ?? (words.code?.startsWith('invalid_') ? 'INPUT_INVALID' : 'PROVIDER_INTERNAL');
}

function classOfWords(words: VendorWords): ProviderErrorClass | undefined {
  const code = words.code?.slice(0, 100) ?? '';
  if (/ResponsibleAIPolicyViolation/i.test(code)) return 'CONTENT_REFUSED';
  if (/billing_hard_limit/i.test(code)) return 'BALANCE';
  return classOfUsualWords(words);
}

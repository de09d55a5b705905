import type { Look, VideoProvider } from '../../contract/provider.js';
import type { ProviderErrorClass } from '../../contract/provider-errors.js';
import { type Adapter, type AdapterDeps, statusWord } from '../adapter.js';
import { below } from '../base-url.js';
import { unsignedCallbacks, usableCallbackUrl } from '../callbacks.js';
import { createFailureReader } from '../failure.js';
import { classOfUsualWords, readUsualWords, usualWordsOf } from '../usual-words.js';
import { pixazoAbilities, readPixazoSettings } from './models.js';
import {
  createdTask,
  generateRequest,
  type LookedAtTask,
  lookedAtTask,
  readCalledBackTask,
  resultUrls,
} from './wire.js';

const TEXT_TO_VIDEO = '/sora-video/v1/video/generate';
const IMAGE_TO_VIDEO = '/sora-video/v1/video/i2v/generate';

export const pixazo: Adapter = { abilitiesOf: pixazoAbilities, create: createPixazoProvider };

function createPixazoProvider({ account, baseUrl, apiKey, settings, sendJson }: AdapterDeps): VideoProvider {
  const { statusPath, callbacks } = readPixazoSettings(settings);
  const headers = { 'ocp-apim-subscription-key': apiKey, 'cache-control': 'no-cache' };
  const failures = createFailureReader({ secrets: [apiKey], readWords: readUsualWords, classify: classOfUsualWords });

  const lost = (task: LookedAtTask, judgement: { class: ProviderErrorClass; charged: false | 'unknown' }): Look => {
    const said = { ...usualWordsOf(task), text: JSON.stringify(task) };
    return {
      status: 'failed',
      error: failures.told({ class: judgement.class, ...said }),
      charged: judgement.charged,
    };
  };

  const readTask = (task: LookedAtTask): Look => {
    const word = statusWord(task.status);
    switch (word) {
      case 'completed': {
        const files = resultUrls(task).map((url) => ({ url }));
        // Without an address, the task is paid for and its file may still appear.
        return files.length > 0 ? { status: 'succeeded', files } : { status: 'pending', providerStatus: word };
      }
      case 'failed':
      case 'cancelled':
      case 'canceled':
        return lost(task, { class: classOfUsualWords(usualWordsOf(task)) ?? 'PROVIDER_INTERNAL', charged: 'unknown' });
      case 'error':
        // The page: a fault of the gateway, not charged.
        return lost(task, { class: 'PROVIDER_INTERNAL', charged: false });
      default:
        return { status: 'pending', providerStatus: word };
    }
  };

  return {
    ...(callbacks === 'true' && {
      callbacks: unsignedCallbacks({ secrets: [apiKey], taskIdOf: readCalledBackTask }),
    }),

    async submit(generation, { signal, callbackUrl: offered }) {
      const { upstreamModel, operation } = generation;
      const callbackUrl = callbacks === 'true' ? usableCallbackUrl({ callbackUrl: offered, baseUrl }) : undefined;
      const answer = await sendJson({
        method: 'POST',
        url: below(baseUrl, operation === 'image_to_video' ? IMAGE_TO_VIDEO : TEXT_TO_VIDEO),
        // The queue's own channel; that of the model below it is said to carry other ids.
        headers: { ...headers, ...(callbackUrl && { 'x-webhook-url': callbackUrl }) },
        body: generateRequest(generation),
        response: createdTask,
        reuseConnection: false,
        signal,
      });
      if (answer.kind !== 'ok') return { outcome: answer.kind, error: failures.ofSubmit(answer) };
      return { outcome: 'accepted', task: { account, upstreamModel, id: answer.body.request_id } };
    },

    async look(task, { signal }) {
      const answer = await sendJson({
        method: 'GET',
        // Built from the id: the address in the answer to a submit could name any host.
        url: below(baseUrl, `${statusPath}/${encodeURIComponent(task.id)}`),
        headers,
        response: lookedAtTask,
        reuseConnection: true,
        signal,
      });
      if (answer.kind !== 'ok') throw failures.ofLook(answer);
      return readTask(answer.body);
    },

    // Results lie at public addresses of another host, which is shown no key.
    openResult: (_task, { url }) => ({ url, headers: {}, credentialOrigin: baseUrl.origin }),
  };
}

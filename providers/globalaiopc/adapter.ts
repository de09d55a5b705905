import type { Look, ProviderTask, Submission, VideoProvider } from '../../contract/provider.js';
import { type Adapter, type AdapterDeps, imageAddresses, imageWithoutAddress, statusWord } from '../adapter.js';
import { below } from '../base-url.js';
import { createFailureReader } from '../failure.js';
import { classOfUsualWords, readUsualWords, usualWordsOf } from '../usual-words.js';
import { globalaiopcAbilities, readGlobalaiopcSettings } from './models.js';
import { createdTask, lookedAtTask, resultUrls, type Task, videoRequest } from './wire.js';

/** The page documents no word for success and implies `failed`; the others are what such gateways say. */
const successWords = new Set(['completed', 'succeeded', 'success', 'done']);
const lostWords = new Set(['failed', 'error', 'cancelled', 'canceled', 'expired']);

const twoKindsOfImages: Submission = {
  outcome: 'not_sent',
  error: { class: 'INPUT_INVALID', message: 'a first frame and references exclude each other' },
};

export const globalaiopc: Adapter = { abilitiesOf: globalaiopcAbilities, create: createGlobalaiopcProvider };

function createGlobalaiopcProvider({ account, baseUrl, apiKey, settings, sendJson }: AdapterDeps): VideoProvider {
  const { createPath, queryPath } = readGlobalaiopcSettings(settings);
  const headers = { authorization: `Bearer ${apiKey}` };
  const failures = createFailureReader({ secrets: [apiKey], readWords: readUsualWords, classify: classOfUsualWords });

  const readTask = (task: Task): Look => {
    const word = statusWord(task.status);
    const files = successWords.has(word) ? resultUrls(task).map((url) => ({ url })) : [];
    if (files.length > 0) return { status: 'succeeded', files };
    if (lostWords.has(word)) {
      const said = usualWordsOf(task);
      const errorClass = classOfUsualWords(said) ?? 'PROVIDER_INTERNAL';
      const error = failures.told({ class: errorClass, ...said, text: JSON.stringify(task) });
      return { status: 'failed', error, charged: 'unknown' };
    }
    // Also success without an address, which may still appear, and words never seen: the task is paid for.
    return { status: 'pending', providerStatus: word };
  };

  return {
    async submit(generation, { signal }) {
      const { upstreamModel, inputs } = generation;
      if (inputs.firstFrame && inputs.references.length > 0) return twoKindsOfImages;
      const images = imageAddresses(inputs);
      if (!images) return imageWithoutAddress;

      const answer = await sendJson({
        method: 'POST',
        url: below(baseUrl, createPath),
        headers,
        body: videoRequest(generation, images),
        response: createdTask,
        reuseConnection: false,
        signal,
      });
      if (answer.kind !== 'ok') return { outcome: answer.kind, error: failures.ofSubmit(answer) };

      const { id, ...created } = answer.body;
      const task: ProviderTask = { account, upstreamModel, id };
      // A task may be created and be lost at once; it has an id and may have been charged.
      const look = readTask(created);
      return look.status === 'pending' ? { outcome: 'accepted', task } : { outcome: 'accepted', task, finished: look };
    },

    async look(task, { signal }) {
      const answer = await sendJson({
        method: 'GET',
        url: below(baseUrl, `${queryPath}/${encodeURIComponent(task.id)}`),
        headers,
        response: lookedAtTask,
        reuseConnection: true,
        signal,
      });
      if (answer.kind !== 'ok') throw failures.ofLook(answer);
      return readTask(answer.body);
    },

    // The page does not say where results lie: their host is shown no key.
    openResult: (_task, { url }) => ({ url, headers: {}, credentialOrigin: baseUrl.origin }),
  };
}

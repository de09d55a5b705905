import type { Look, ProviderTask, VideoProvider } from '../../contract/provider.js';
import { type Adapter, type AdapterDeps, isUsableUrl, statusWord } from '../adapter.js';
import { below } from '../base-url.js';
import { createFailureReader } from '../failure.js';
import { classOfUsualWords } from '../usual-words.js';
import { omixaAbilities, readOmixaSettings } from './models.js';
import { createdJob, type Job, jobRequest, lookedAtJob, readOmixaError, wordsOf } from './wire.js';

const JOBS = '/api/v1/videos/jobs';
const STATUS = '/api/v1/videos/jobs/status';

/** The page documents no word for the end of a lost task; these are what such gateways say. */
const lostWords = new Set(['failed', 'error', 'cancelled', 'canceled', 'expired']);

const LONGEST_HINT_SECONDS = 600;

export const omixa: Adapter = { abilitiesOf: omixaAbilities, create: createOmixaProvider };

function createOmixaProvider({ account, baseUrl, apiKey, settings, sendJson }: AdapterDeps): VideoProvider {
  const { statusMethod, statusParameter } = readOmixaSettings(settings);
  const headers = { authorization: `Bearer ${apiKey}` };
  const failures = createFailureReader({ secrets: [apiKey], readWords: readOmixaError, classify: classOfUsualWords });

  const statusRequest = (operation: string) => {
    const handle = { [statusParameter]: operation };
    return statusMethod === 'GET'
      ? { method: 'GET' as const, url: below(baseUrl, STATUS, handle) }
      : { method: 'POST' as const, url: below(baseUrl, STATUS), body: handle };
  };

  const readJob = (job: Job): Look => {
    const word = statusWord(job.status);
    const files = (job.data ?? []).flatMap(({ url }) => (isUsableUrl(url) ? [{ url }] : []));
    if (word === 'succeeded' && files.length > 0) return { status: 'succeeded', files };
    if (lostWords.has(word)) {
      const said = wordsOf(job);
      const error = failures.told({
        class: classOfUsualWords(said) ?? 'PROVIDER_INTERNAL',
        ...said,
        text: JSON.stringify(job),
      });
      return { status: 'failed', error, charged: 'unknown' };
    }
    // Also `succeeded` without a file, which may still appear, and words never seen: the task is paid for and may still finish.
    return { status: 'pending', providerStatus: word, ...pollHint(job) };
  };

  return {
    async submit(generation, { signal }) {
      const answer = await sendJson({
        method: 'POST',
        url: below(baseUrl, JOBS),
        headers,
        body: jobRequest(generation),
        response: createdJob,
        reuseConnection: false,
        signal,
      });
      if (answer.kind === 'refused' && generation.inputs.sourceVideo) {
        // What is gone may be the source; heard as a submit's refusal, it would stop the model for everybody.
        return { outcome: 'refused', error: failures.ofLook(answer).failure };
      }
      if (answer.kind !== 'ok') return { outcome: answer.kind, error: failures.ofSubmit(answer) };

      const job = answer.body;
      const task: ProviderTask = { account, upstreamModel: generation.upstreamModel, id: job.operation };
      const look = readJob(job);
      if (look.status !== 'pending') return { outcome: 'accepted', task, finished: look };
      return { outcome: 'accepted', task, ...pollHint(job) };
    },

    async look(task, { signal }) {
      const request = { ...statusRequest(task.id), headers, response: lookedAtJob, reuseConnection: true, signal };
      const answer = await sendJson(request);
      if (answer.kind !== 'ok') throw failures.ofLook(answer);
      return readJob(answer.body);
    },

    openResult: (_task, { url }) => ({ url, headers, credentialOrigin: baseUrl.origin }),
  };
}

function pollHint({ poll_after_seconds: seconds }: Job): { lookAgainInMs?: number } {
  if (typeof seconds !== 'number' || seconds < 0) return {};
  return { lookAgainInMs: Math.round(Math.min(seconds, LONGEST_HINT_SECONDS) * 1000) };
}

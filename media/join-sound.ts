import { type AudioSample, AudioSampleSink } from 'mediabunny';
import { createConformer } from './conform-sound.js';
import type { Source } from './inspect-source.js';
import type { JoinPlan, SoundFormat } from './join-plan.js';
import type { MediaLimits } from './messages.js';
import { streamOf } from './open-video.js';

/** A decoder needs what comes before to get going. */
const LEAD_SECONDS = 0.1;
/** Times of packets are rounded; only what is further off is a gap, or is heard twice. */
const SLACK_SECONDS = 0.01;

type Joining = { plan: JoinPlan; format: SoundFormat; limits: MediaLimits };
type Part = { source: Source; format: SoundFormat; frames: number; limits: MediaLimits };

/** The sound of the result without a gap, in interleaved pieces of a second at most: as long as the pictures, with silence where there is none. */
export async function* joinedSound({ plan, format, limits }: Joining): AsyncGenerator<Float32Array> {
  for (const source of plan.sources) {
    const begin = Math.round(source.atSeconds * format.sampleRate);
    const frames = Math.round((source.atSeconds + source.seconds) * format.sampleRate) - begin;
    if (source.hasSound) yield* soundOf({ source, format, frames, limits });
    else yield* silence(frames, format);
  }
}

async function* soundOf({ source, format, frames, limits }: Part): AsyncGenerator<Float32Array> {
  const { sampleRate, channels } = format;
  const slack = SLACK_SECONDS * sampleRate;
  const conform = createConformer(format);
  let written = 0;
  for await (const sample of samplesOf(source, limits)) {
    const piece = conform(sample);
    const begin = Math.round((sample.timestamp - source.fromSeconds) * sampleRate);
    sample.close();
    if (begin > written + slack) {
      const gap = Math.min(begin, frames) - written;
      yield* silence(gap, format);
      written += gap;
    }
    const heardBefore = written - begin > slack || begin < 0 ? written - begin : 0;
    const fresh = piece.subarray(heardBefore * channels, (heardBefore + frames - written) * channels);
    if (fresh.length > 0) yield fresh;
    written += fresh.length / channels;
    if (written >= frames) return;
  }
  yield* silence(frames - written, format);
}

async function* samplesOf({ path, fromSeconds, seconds }: Source, limits: MediaLimits): AsyncGenerator<AudioSample> {
  yield* streamOf({ path, limits }, async function* ({ findSound }) {
    const track = await findSound();
    if (track) yield* new AudioSampleSink(track).samples(fromSeconds - LEAD_SECONDS, fromSeconds + seconds);
  });
}

function* silence(frames: number, { sampleRate, channels }: SoundFormat): Generator<Float32Array> {
  for (let left = frames; left > 0; left -= sampleRate) {
    yield new Float32Array(Math.min(left, sampleRate) * channels);
  }
}

import { describe, expect, it } from '@jest/globals';
import { newJobSchema } from '../../api/dialects/native/schemas.js';
import { translateRequest } from '../../api/dialects/native/translate.js';
import { parseRequest } from '../../api/middleware/parse.js';
import { ServiceError } from '../../contract/errors.js';

const base = { model: 'sora', prompt: 'a boat' };
const read = (fields: object) => translateRequest(parseRequest(newJobSchema, { ...base, ...fields })).request;

function refusedFields(fields: object): string[] {
  try {
    read(fields);
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'request_invalid')
      return error.errors.map(({ field }) => field);
  }
  throw new Error('the request was not refused');
}

/** Without the fields that were not given. */
const given = (request: object) => JSON.parse(JSON.stringify(request)) as unknown;

describe('a native request', () => {
  const image = 'data:image/png;base64,AAAA';
  it.each([
    [{ video_operation: 'extend' }, { operation: 'extend' }],
    [{ task: 'remix' }, { operation: 'remix' }],
    [{ duration_seconds: 2.5 }, { durationSeconds: 2.5 }],
    [{ seconds: '8' }, { durationSeconds: 8 }],
    [{ n_variants: '2' }, { variants: 2 }],
    [{ sample_count: 3 }, { variants: 3 }],
    [{ seed: -7 }, { seed: -7 }],
    [
      { negative_prompt: 'rain', person_generation: 'allow' },
      { negativePrompt: 'rain', personGeneration: 'allow' },
    ],
    [
      { generate_audio: false, enhance_prompt: true },
      { generateAudio: false, enhancePrompt: true },
    ],
    [{ start_frame: image }, { firstFrame: image }],
    [{ first_frame: { data: 'AAAA', mime_type: 'image/png' } }, { firstFrame: image }],
    [{ image: { data: 'AAAA', content_type: 'image/png' } }, { firstFrame: image }],
    [{ input_reference: { url: image } }, { firstFrame: image }],
    [{ last_frame: image }, { lastFrame: image }],
    [{ end_frame: image }, { lastFrame: image }],
    [{ reference_images: [image, { url: image }] }, { references: [image, image] }],
    [{ source_video: 'job_1' }, { sourceVideo: 'job_1' }],
    [{ source_video_id: 'job_1' }, { sourceVideo: 'job_1' }],
    [{ video_id: 'job_1' }, { sourceVideo: 'job_1' }],
    [
      { wait_seconds: 0, poll_interval_seconds: 60 },
      { waitSeconds: 0, pollIntervalSeconds: 60 },
    ],
    [{ deadline_seconds: 60 }, { deadlineSeconds: 60 }],
    [{ aspect_ratio: '9:16' }, { aspectRatio: '9:16' }],
    [{ resolution: '720p' }, { size: { width: 1280, height: 720 }, aspectRatio: '16:9' }],
    [
      { size: '720p', aspect_ratio: '9:16' },
      { size: { width: 720, height: 1280 }, aspectRatio: '9:16' },
    ],
    [
      { size: '1080p', aspect_ratio: '1:1' },
      { size: { width: 1080, height: 1080 }, aspectRatio: '1:1' },
    ],
    [{ size: '1080p' }, { size: { width: 1920, height: 1080 }, aspectRatio: '16:9' }],
    [{ size: '720x1280' }, { size: { width: 720, height: 1280 }, aspectRatio: '9:16' }],
    [
      { size: '1920x1080', aspect_ratio: '16:9' },
      { size: { width: 1920, height: 1080 }, aspectRatio: '16:9' },
    ],
  ])('%j is read as %j', (fields, expected) => {
    expect(given(read(fields))).toEqual({ ...base, ...expected });
  });

  it.each([
    ['duration_seconds', { seconds: 8, duration_seconds: 8 }, 'seconds'],
    ['video_operation', { video_operation: 'extend', task: 'extend' }, 'task'],
    ['size', { resolution: '720p', size: '720p' }, 'size'],
    ['variants', { sample_count: 1, n_variants: 1 }, 'n_variants'],
    ['image', { image, input_reference: image }, 'input_reference'],
    ['last frame', { last_frame: image, end_frame: image }, 'end_frame'],
    ['source', { source_video: 'a', video_id: 'a' }, 'video_id'],
  ])('refuses two names of one field: %s', (_, fields, second) => {
    expect(refusedFields(fields)).toEqual([second]);
  });

  it.each([
    [{ seconds: 0 }, 'seconds'],
    [{ duration_seconds: 31 }, 'duration_seconds'],
    [{ duration_seconds: 0.5 }, 'duration_seconds'],
    [{ duration_seconds: '8s' }, 'duration_seconds'],
    [{ duration_seconds: '1e1' }, 'duration_seconds'],
    [{ duration_seconds: ' 8' }, 'duration_seconds'],
    [{ duration_seconds: '' }, 'duration_seconds'],
    [{ duration_seconds: null }, 'duration_seconds'],
    [{ duration_seconds: [8] }, 'duration_seconds'],
    [{ seed: 1.5 }, 'seed'],
    [{ seed: 2 ** 53 }, 'seed'],
    [{ n_variants: 0 }, 'n_variants'],
    [{ n_variants: 5 }, 'n_variants'],
    [{ n_variants: 1.5 }, 'n_variants'],
    [{ video_operation: 'text-to-video' }, 'video_operation'],
    [{ aspect_ratio: '4:3' }, 'aspect_ratio'],
    [{ size: '4k' }, 'size'],
    [{ resolution: '1024x768' }, 'resolution'],
    [{ size: '00x00' }, 'size'],
    [{ size: '1280x720', aspect_ratio: '9:16' }, 'aspect_ratio'],
    [{ generate_audio: 'true' }, 'generate_audio'],
    [{ enhance_prompt: 1 }, 'enhance_prompt'],
    [{ person_generation: '' }, 'person_generation'],
    [{ negative_prompt: 'a\u0000b' }, 'negative_prompt'],
    [{ start_frame: 7 }, 'start_frame'],
    [{ image: { data: 'AAAA' } }, 'image'],
    [{ image: { data: 'AAAA', mime_type: 'image/png', more: 1 } }, 'image.more'],
    [{ reference_images: image }, 'reference_images'],
    [{ reference_images: [image, 7] }, 'reference_images.1'],
    [{ wait_seconds: -1 }, 'wait_seconds'],
    [{ wait_seconds: 601 }, 'wait_seconds'],
    [{ poll_interval_seconds: 0 }, 'poll_interval_seconds'],
    [{ poll_interval_seconds: 61 }, 'poll_interval_seconds'],
    [{ deadline_seconds: 59 }, 'deadline_seconds'],
    [{ deadline_seconds: 86_401 }, 'deadline_seconds'],
    [{ callback_url: 7 }, 'callback_url'],
    [{ callback: 'https://example.com' }, 'callback'],
    [{ prompt: ' \n' }, 'prompt'],
    [{ prompt: undefined }, 'prompt'],
    [{ prompt: 7 }, 'prompt'],
    [{ prompt: 'x'.repeat(32_001) }, 'prompt'],
    [{ prompt: 'a\u0000b' }, 'prompt'],
    [{ prompt: 'a\ud800b' }, 'prompt'],
    [{ model: undefined }, 'model'],
    [{ model: '' }, 'model'],
  ])('%j is refused, naming the field', (fields, field) => {
    expect(refusedFields(fields)).toEqual([field]);
  });

  it('names every refused field at once', () => {
    expect(refusedFields({ seconds: 0, n_variants: 9, colour: 'red' }).toSorted()).toEqual([
      'colour',
      'n_variants',
      'seconds',
    ]);
  });

  it('finds the word that the caller used, or our own where there was none', () => {
    const { wordFor } = translateRequest(parseRequest(newJobSchema, { ...base, seconds: 8 }));

    expect(wordFor('durationSeconds')).toBe('seconds');
    expect(wordFor('variants')).toBe('sample_count');
  });
});

import { describe, expect, it } from '@jest/globals';
import { createFailureReader, isModelGone } from '../../providers/failure.js';

describe('isModelGone', () => {
  it.each([
    "Model 'sora-video' not found or is disabled",
    'Model not found',
    'The model `sora-2` does not exist or you do not have access to it.',
    'This model models/veo-3.1-generate-preview is no longer available',
    'sora-2-pro is no longer available',
    'The Videos API has been shut down',
    'The model sora has been retired',
  ])('hears it in %j', (message) => {
    expect(isModelGone({ message })).toBe(true);
  });

  it.each(['DeploymentNotFound', 'model_not_found'])('knows the code %s', (code) => {
    expect(isModelGone({ code })).toBe(true);
  });

  it.each([
    'Task task_1 not found',
    'The image is no longer available',
    'The model could not read the reference: the file was not found',
    'image_urls is disabled for this key',
    'The model is overloaded',
    'The API key is disabled',
    'API route not found',
    'Task sora_12ab not found',
    'The video sora-video_12ab is no longer available',
    '',
  ])('does not hear it in %j', (message) => {
    expect(isModelGone({ message })).toBe(false);
  });
});

describe('a 404 that says only "no longer available"', () => {
  const { ofSubmit, ofLook } = createFailureReader({ secrets: [], readWords: (message) => ({ message }) });
  it('is not needed where the model is named, whatever the status', () => {
    const gone = { kind: 'refused', status: 400, text: 'Model not found' } as const;
    expect(ofSubmit(gone).class).toBe('MODEL_RETIRED');
    expect(ofLook(gone).failure.class).toBe('MODEL_RETIRED');
  });

  const answer = { kind: 'refused', status: 404, text: 'It is no longer available.' } as const;

  it('means the model on a submit, and the task on a look', () => {
    expect(ofSubmit(answer).class).toBe('MODEL_RETIRED');
    expect(ofLook(answer).failure.class).toBe('NOT_FOUND');
  });
});

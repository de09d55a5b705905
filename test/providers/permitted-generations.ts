import fc from 'fast-check';
import type { ModelAbilities } from '../../contract/abilities.js';
import type { Generation, MediaInput, Operation } from '../../contract/generation.js';

type Size = { width: number; height: number };

/** Any generation that a model's abilities permit, as routing reads them: what an adapter must be able to say to its vendor. */
export function permittedGenerations(upstreamModel: string, abilities: ModelAbilities): fc.Arbitrary<Generation> {
  const { duration, geometry, maxVariants, promptMaxCharacters, operations } = abilities;
  const shape = fc.option(fc.constantFrom(...geometry.shapes), { nil: undefined });

  return fc.tuple(fc.constantFrom(...operations), shape).chain(([operation, asked]) => {
    const framePixels = asked ? fc.constant(asked) : fc.constantFrom(...geometry.shapes);
    return fc.record({
      operation: fc.constant(operation),
      upstreamModel: fc.constant(upstreamModel),
      prompt: fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }),
        fc.constant('x'.repeat(promptMaxCharacters)),
      ),
      durationSeconds: secondsWithin((operation === 'extend' && abilities.extendDuration) || duration),
      size: fc.constant(asked && { width: asked.width, height: asked.height }),
      aspectRatio: fc.constant(asked?.aspectRatio),
      variants: fc.integer({ min: 1, max: maxVariants }),
      inputs: framePixels.chain((pixels) => inputsFor(operation, abilities, pixels)),
      ...optionsOf(abilities),
    });
  });
}

function secondsWithin(duration: ModelAbilities['duration']): fc.Arbitrary<number> {
  if (duration.kind === 'set') return fc.constantFrom(...duration.values);
  const { min, max } = duration;
  return fc.oneof(fc.integer({ min, max }), fc.double({ min, max, noNaN: true }));
}

function optionsOf({ options }: ModelAbilities) {
  const when = <Value>(isPossible: boolean, value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
    isPossible ? fc.option(value, { nil: undefined }) : fc.constant(undefined);
  return {
    seed: when(options.seed, fc.integer()),
    negativePrompt: when(options.negativePrompt, fc.string()),
    generateAudio: when(options.generateAudio, fc.boolean()),
    enhancePrompt: when(options.enhancePrompt, fc.boolean()),
    personGeneration: when(options.personGeneration, fc.string()),
  };
}

function inputsFor(operation: Operation, { inputs }: ModelAbilities, pixels: Size): fc.Arbitrary<Generation['inputs']> {
  const { firstFrame, lastFrame, maxReferences, exclusive = [] } = inputs;
  const isFramed = operation === 'image_to_video' && firstFrame;
  const excludes = (slot: 'lastFrame' | 'references') =>
    isFramed && exclusive.includes('firstFrame') && exclusive.includes(slot);
  const image = fc.constantFrom(...inputs.contentTypes).map((contentType) => anImage(contentType, pixels, inputs.form));
  const source = { task: { account: 'account', upstreamModel: 'any', id: 'task_1' }, durationSeconds: 8 };

  return fc.record({
    ...(isFramed && { firstFrame: image }),
    ...(isFramed && lastFrame && !excludes('lastFrame') && { lastFrame: fc.option(image, { nil: undefined }) }),
    ...((operation === 'extend' || operation === 'remix') && { sourceVideo: fc.constant(source) }),
    references:
      maxReferences > 0 && !excludes('references') ? fc.array(image, { maxLength: maxReferences }) : fc.constant([]),
  });
}

/** As much of a PNG as says its size, whatever its type is called. */
export function anImage(contentType: string, { width, height }: Size, form: 'bytes' | 'url' = 'bytes'): MediaInput {
  const bytes = Buffer.alloc(33);
  bytes.write('\x89PNG\r\n\x1a\n', 'latin1');
  bytes.writeUInt32BE(13, 8);
  bytes.write('IHDR', 12, 'latin1');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return { contentType, bytes, ...(form === 'url' && { url: 'https://reelay.example/inputs/art_1?signature=abc' }) };
}

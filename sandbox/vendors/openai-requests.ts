import { z } from 'zod';
import { readImage, sizeOf } from '../images.js';
import { continuationOf, lookalikeOf } from '../sources.js';
import type { Task } from '../tasks.js';
import type { ReadSubmit, Refusal, Refused, SubmitCall } from '../vendor.js';

const sizes = {
  '720x1280': [720, 1280],
  '1280x720': [1280, 720],
  '1024x1792': [1024, 1792],
  '1792x1024': [1792, 1024],
} as const;
const proSizes: readonly string[] = ['1024x1792', '1792x1024'];

const promptSchema = z.string().min(1).max(32_000);
const createSchema = z.strictObject({
  prompt: promptSchema,
  model: z
    .enum(['sora-2', 'sora-2-pro', 'sora-2-2025-10-06', 'sora-2-2025-12-08', 'sora-2-pro-2025-10-06'])
    .default('sora-2'),
  seconds: z.enum(['4', '8', '12']).default('4'),
  size: z.enum(['720x1280', '1280x720', '1024x1792', '1792x1024']).default('720x1280'),
  input_reference: z.strictObject({ image_url: z.string().optional(), file_id: z.string().optional() }).optional(),
});
const remixSchema = z.strictObject({ prompt: promptSchema });
const videoSchema = z.strictObject({ id: z.string() });
const editSchema = z.strictObject({ prompt: promptSchema, video: videoSchema });
const extensionSchema = z.strictObject({
  prompt: promptSchema,
  seconds: z.enum(['4', '8', '12', '16', '20']),
  video: videoSchema,
});

export async function readCreate({ body, files }: SubmitCall): Promise<ReadSubmit> {
  const parsed = createSchema.safeParse(body);
  if (!parsed.success) return { refusal: refusalOf(parsed.error) };
  const { prompt, model, seconds, size, input_reference: reference } = parsed.data;
  if (proSizes.includes(size) && !model.startsWith('sora-2-pro')) {
    return { refusal: invalid({ message: `${model} does not support the size ${size}`, param: 'size' }) };
  }
  const file = files.get('input_reference');
  const other = [...files.keys()].find((name) => name !== 'input_reference');
  if (other) return { refusal: invalid({ message: `Unknown parameter: '${other}'.`, param: other }) };
  if (file && reference) return { refusal: badReference('Only one input_reference may be given.') };
  const image = reference ? await imageOf(reference) : file;
  if (image && 'refusal' in image) return image;
  const problem = image && problemOf(image, size);
  if (problem) return { refusal: badReference(problem) };

  const [width, height] = sizes[size];
  const operation = image ? 'image_to_video' : 'text_to_video';
  return { wish: { operation, prompt, width, height, seconds: Number(seconds), upstreamModel: model } };
}

export function readRemix({ body, path, find }: SubmitCall): ReadSubmit {
  const parsed = remixSchema.safeParse(body);
  if (!parsed.success) return { refusal: refusalOf(parsed.error) };
  const source = sourceOf(path.id ?? '', find);
  if ('refusal' in source) return source;
  return { wish: changeOf(source, { operation: 'remix', prompt: parsed.data.prompt }) };
}

export function readEdit({ body, find }: SubmitCall): ReadSubmit {
  const parsed = editSchema.safeParse(body);
  if (!parsed.success) return { refusal: refusalOf(parsed.error) };
  const source = sourceOf(parsed.data.video.id, find);
  if ('refusal' in source) return source;
  return { wish: changeOf(source, { operation: 'edit', prompt: parsed.data.prompt }) };
}

export function readExtension({ body, find }: SubmitCall): ReadSubmit {
  const parsed = extensionSchema.safeParse(body);
  if (!parsed.success) return { refusal: refusalOf(parsed.error) };
  const { prompt, seconds, video } = parsed.data;
  const source = sourceOf(video.id, find);
  if ('refusal' in source) return source;
  const { upstreamModel } = source;
  return { wish: { operation: 'extend', prompt, upstreamModel, ...continuationOf(source, Number(seconds)) } };
}

function changeOf(source: Task, change: { operation: string; prompt: string }) {
  return { ...change, upstreamModel: source.upstreamModel, ...lookalikeOf(source) };
}

/** The video that another is made of: one of this account, and finished. */
function sourceOf(id: string, find: SubmitCall['find']): Task | Refused {
  const known = find(id);
  if (!known) {
    return { refusal: { status: 404, code: 'not_found', message: `Video with id '${id}' not found.`, param: 'id' } };
  }
  if (known.standing.state === 'done') return known.task;
  return { refusal: invalid({ message: `Video '${id}' is not completed.`, param: 'id' }) };
}

async function imageOf(reference: { image_url?: string | undefined; file_id?: string | undefined }) {
  const { image_url: imageUrl, file_id: fileId } = reference;
  if ((imageUrl === undefined) === (fileId === undefined)) {
    return { refusal: badReference('Exactly one of image_url and file_id must be given.') };
  }
  // Nothing is ever uploaded here.
  if (imageUrl === undefined) return { refusal: badReference(`No such file: ${fileId}`) };
  const isAddress = /^https?:\/\//.test(imageUrl);
  const image = isAddress || imageUrl.startsWith('data:') ? await readImage(imageUrl) : undefined;
  return image ?? { refusal: badReference('The image_url could not be read as an image.') };
}

function problemOf(image: Buffer, size: string): string | undefined {
  const pixels = sizeOf(image);
  if (!pixels) return 'Invalid image: must be jpeg, png or webp.';
  return pixels === size ? undefined : 'Inpaint image must match the requested width and height';
}

export function invalid({ message, param }: { message: string; param?: string }): Refusal {
  return { status: 400, code: 'invalid_value', message, ...(param !== undefined && { param }) };
}

function badReference(message: string): Refusal {
  return invalid({ message, param: 'input_reference' });
}

function refusalOf({ issues: [issue] }: z.ZodError): Refusal {
  if (issue?.code === 'unrecognized_keys') {
    const param = [...issue.path, issue.keys[0]].join('.');
    return { status: 400, code: 'unknown_parameter', message: `Unknown parameter: '${param}'.`, param };
  }
  const param = issue?.path.join('.') || 'body';
  return invalid({ message: `Invalid value for '${param}': ${issue?.message}`, param });
}

import { Transform, type Writable } from 'node:stream';
import type { Request, RequestHandler } from 'express';
import multer from 'multer';
import { fieldError, ServiceError } from '../../contract/errors.js';

/** More than any form of ours has. */
const MAX_FIELDS = 32;
const MAX_FILES = 4;
const MAX_NAME_BYTES = 100;
/** `video[id]` */
const MAX_NESTING = 1;

const tooMuch = new Set([
  'LIMIT_FILE_SIZE',
  'LIMIT_FIELD_VALUE',
  'LIMIT_FIELD_KEY',
  'LIMIT_FIELD_COUNT',
  'LIMIT_FILE_COUNT',
  'LIMIT_PART_COUNT',
]);

type Settings = {
  /** Of the whole body. */
  maxBytes: number;
  /** What reads the body where it is no form. */
  readJson: RequestHandler;
};

/** Reads a form: its fields become the body, `video[id]` as JSON would nest it, and each file is its bytes under the name of its field. */
export function createMultipartBody({ maxBytes, readJson }: Settings): RequestHandler {
  const limits = {
    // A data URL is a field, too.
    fieldSize: maxBytes,
    fileSize: maxBytes,
    fields: MAX_FIELDS,
    files: MAX_FILES,
    parts: MAX_FIELDS + MAX_FILES,
    fieldNameSize: MAX_NAME_BYTES,
    fieldNestingDepth: MAX_NESTING,
    fieldArrayIndexLimit: 0,
  };

  return (request, response, next) => {
    if (!request.is('multipart/form-data')) {
      if (isNeither(request)) {
        const detail = 'The body must be JSON or a form: Content-Type: application/json or multipart/form-data';
        throw new ServiceError('unsupported_media_type', { detail });
      }
      readJson(request, response, next);
      return;
    }
    if ((request.get('content-encoding') ?? 'identity') !== 'identity') {
      throw new ServiceError('unsupported_media_type', { detail: 'A form must not be compressed.' });
    }
    const faults: ServiceError[] = [];
    const options = {
      storage: multer.memoryStorage(),
      limits,
      streamHandler(body: Request, parser: Writable) {
        noteFaults(parser, faults);
        const bounded = limitBytes(maxBytes).on('error', (error) => parser.destroy(error));
        body.pipe(bounded).pipe(parser);
      },
    };
    multer(options).any()(request, response, (error: unknown) => {
      if (error) next(formErrorOf(error));
      else next(faults[0] ?? joinFiles(request));
    });
  };
}

/** `null` and 0 mean that there is no body, which is no fault of the reader's. */
function isNeither(request: Request): boolean {
  return request.is(['multipart/form-data', 'application/json']) === false && request.get('content-length') !== '0';
}

/** The limits of single parts add up to many times what a body may have. */
export function limitBytes(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(new ServiceError('payload_too_large'));
      else done(null, chunk);
    },
  });
}

/** What the reader would pass over without a word: it drops a file without a name, and puts U+FFFD where bytes are no text. */
function noteFaults(parser: Writable, faults: ServiceError[]): void {
  const note = (field: string | undefined, message: string) =>
    faults.push(fieldError('request_invalid', field ?? '', message));
  parser.on('file', (field: string | undefined, _file: unknown, { filename }: { filename?: string }) => {
    if (!filename) note(field, 'the file must have a name');
  });
  parser.on('field', (field: string | undefined, value: string) => {
    if (value.includes('\ufffd')) note(field, 'must be UTF-8');
  });
}

/** Puts the files into the body, or says why they cannot be. */
function joinFiles(request: Request): ServiceError | undefined {
  const body: Record<string, unknown> = { ...request.body };
  for (const { fieldname, buffer } of Array.isArray(request.files) ? request.files : []) {
    if (body[fieldname] !== undefined) return fieldError('request_invalid', fieldname, 'must be sent once');
    body[fieldname] = buffer;
  }
  request.body = body;
  return undefined;
}

export function formErrorOf(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error instanceof multer.MulterError && tooMuch.has(error.code)) {
    const where = error.field === undefined ? '' : `${error.field}: `;
    return new ServiceError('payload_too_large', { detail: `${where}${error.message}`, cause: error });
  }
  return new ServiceError('request_invalid', { detail: 'The form cannot be read.', cause: error });
}

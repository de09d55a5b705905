import type { Readable, Writable } from 'node:stream';
import { callbackify } from 'node:util';
import type { Request, Response } from 'express';
import multer, { type StorageEngine } from 'multer';
import { fieldError, ServiceError } from '../../contract/errors.js';
import { formErrorOf, limitBytes } from './multipart-body.js';

/** What a form says around a file, generously. */
const FORM_BYTES = 64 * 1024;
const FIELD = 'file';

type Exchange = { request: Request; response: Response };

type Receiver<Received> = {
  /** Of the file. */
  maxBytes: number;
  receive: (pieces: AsyncIterable<Uint8Array>) => Promise<Received>;
  /** Takes back what was received and is not to be kept. */
  discard: (received: Received) => Promise<void>;
};

/**
 * Streams the one file that a request brings to `receive`: the field `file` of a form, or the whole body. What its headers and its name
 * say of its type is passed over. @throws `request_invalid`, `payload_too_large`, `unsupported_media_type`, what `receive` throws
 */
export async function readUpload<Received>(exchange: Exchange, receiver: Receiver<Received>): Promise<Received> {
  const { request } = exchange;
  const isForm = Boolean(request.is('multipart/form-data'));
  try {
    if ((request.get('content-encoding') ?? 'identity') !== 'identity') {
      throw new ServiceError('unsupported_media_type', { detail: 'A file must not be compressed on its way.' });
    }
    if (Number(request.get('content-length') ?? 0) > receiver.maxBytes + (isForm ? FORM_BYTES : 0)) {
      throw new ServiceError('payload_too_large', { detail: `At most ${receiver.maxBytes} bytes are taken.` });
    }
    return isForm ? await readForm(exchange, receiver) : await receiver.receive(withoutEnd(request));
  } catch (error) {
    // The rest is let pass, so that a caller who is still sending can read the answer.
    request.resume();
    if (error instanceof ServiceError || !request.destroyed || request.readableEnded) throw error;
    throw new ServiceError('request_invalid', { detail: 'The body was cut off.', cause: error });
  }
}

/** Who leaves it early does not end the stream: what it belongs to, a form or the connection, is needed for the answer. */
async function* withoutEnd(stream: Readable): AsyncGenerator<Uint8Array> {
  yield* stream.iterator({ destroyOnReturn: false });
}

async function readForm<Received>({ request, response }: Exchange, receiver: Receiver<Received>): Promise<Received> {
  const faults: ServiceError[] = [];
  let receiving: Promise<Received> | undefined;

  const handled = callbackify(async (received: Promise<Received>, stream: Readable) => {
    try {
      await received;
    } catch (error) {
      // What is left of the file is passed over, and the form goes on.
      stream.resume();
      throw error;
    }
    return {};
  });
  const storage: StorageEngine = {
    _handleFile(_request, { fieldname, stream }, done) {
      if (fieldname !== FIELD || receiving) {
        done(fieldError('request_invalid', fieldname, `must be one file in the field ${FIELD}`));
        return;
      }
      receiving = receiver.receive(withoutEnd(stream));
      handled(receiving, stream, done);
    },
    _removeFile: (_request, _file, done) => done(null),
  };
  const options = {
    storage,
    limits: { files: 2, fields: 1, fieldSize: FORM_BYTES },
    streamHandler(body: Request, parser: Writable) {
      noteFaults(parser, faults);
      const bounded = limitBytes(receiver.maxBytes + FORM_BYTES).on('error', (error) => parser.destroy(error));
      body.pipe(bounded).pipe(parser);
    },
  };

  try {
    await new Promise<void>((resolve, reject) => {
      multer(options).any()(request, response, (error: unknown) => {
        if (error) reject(formErrorOf(error));
        else resolve();
      });
    });
    if (faults[0]) throw faults[0];
    if (!receiving) throw fieldError('request_invalid', FIELD, 'is required');
    return await receiving;
  } catch (error) {
    await receiving?.then(receiver.discard, () => undefined);
    throw error;
  }
}

/** What the reader of forms would pass over without a word. */
function noteFaults(parser: Writable, faults: ServiceError[]): void {
  const note = (field: string | undefined, message: string) =>
    faults.push(fieldError('request_invalid', field ?? '', message));
  parser.on('file', (field: string | undefined, _file: unknown, { filename }: { filename?: string }) => {
    if (!filename) note(field, 'the file must have a name');
  });
  parser.on('field', (field: string | undefined) => note(field, `is not known: send the field ${FIELD} alone`));
}

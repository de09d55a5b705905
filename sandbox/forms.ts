import type { Request, RequestHandler } from 'express';
import multer from 'multer';

const MAX_BYTES = 64 * 1024 * 1024;

const readParts = multer({
  storage: multer.memoryStorage(),
  limits: { fileSize: MAX_BYTES, fieldSize: MAX_BYTES },
}).any();

/** Reads a multipart form: its fields become the body. Anything else is left as it is. */
export const readForm: RequestHandler = (request, response, next) => {
  readParts(request, response, (error: unknown) => {
    // What the reader of JSON says of a body that it cannot read, so that both are answered alike.
    if (error) next(new SyntaxError('the form cannot be read', { cause: error }));
    else next();
  });
};

/** The files of a form, by the name of their field. */
export function filesOf({ files }: Request): ReadonlyMap<string, Buffer> {
  return new Map(Array.isArray(files) ? files.map(({ fieldname, buffer }) => [fieldname, buffer]) : []);
}

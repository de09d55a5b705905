import type { z } from 'zod';
import { type FieldError, ServiceError } from '../../contract/errors.js';

const MAX_ERRORS = 20;
const MAX_FIELD_CHARACTERS = 100;

/** Reads what a caller sent. @throws `request_invalid`, naming each field by its path in the caller's words. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value, { error: wordsFor });
  if (parsed.success) return parsed.data;
  throw invalidFields(parsed.error.issues.flatMap(fieldErrorsOf));
}

export function invalidFields(all: FieldError[]): ServiceError {
  const found = all.slice(0, MAX_ERRORS);
  const detail = found.map(({ field, message }) => (field ? `${field}: ${message}` : message))[0];
  // The first thing that is wrong with a field says enough.
  const errors = found.filter(
    ({ field }, index) => field !== '' && found.findIndex((error) => error.field === field) === index,
  );
  return new ServiceError('request_invalid', { detail, errors });
}

type Issue = z.core.$ZodIssue;

function fieldErrorsOf(issue: Issue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: pathOf([...issue.path, key]), message: 'is not a known field' }));
  }
  return [{ field: pathOf(issue.path), message: issue.message }];
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.').slice(0, MAX_FIELD_CHARACTERS);
}

function wordsFor(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type' || issue.input !== undefined) return undefined;
  return issue.path?.length ? 'is required' : 'A JSON object is required.';
}

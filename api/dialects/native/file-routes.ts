import { type Request, type Response, Router } from 'express';
import { MAX_FILE_BYTES, type StoredFile } from '../../jobs.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { readIdempotencyKey } from '../../middleware/idempotency-key.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import { readUpload } from '../../middleware/upload.js';
import { type FileAnswer, fileListSchema } from './file-schemas.js';

type OfFile = { id: string };

/** Files that callers send once and name in any request. */
export function createFileRoutes({ jobs, authenticate, limitRate }: DialectDeps): Router {
  const router = Router();
  const { files } = jobs;
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(bearer), limitRate, requireScope('jobs:write')];

  const filesPath = router.route('/files');
  filesPath.post(writing, async (request: Request, response: Response) => {
    const idempotencyKey = readIdempotencyKey(request);
    const { receive, discard } = files;
    const received = await readUpload({ request, response }, { maxBytes: MAX_FILE_BYTES, receive, discard });
    const asked = { caller: callerOf(request), route: 'POST /api/v1/files', idempotencyKey };
    const { file, isReplay } = await files.create(received, asked);
    if (isReplay) response.set('Idempotency-Replayed', 'true');
    response.status(201).location(`${jobs.publicUrl}/api/v1/files/${file.id}`).json(fileAnswer(file));
  });
  filesPath.get(reading, async (request: Request, response: Response) => {
    const page = await files.list(parseRequest(fileListSchema, request.query), callerOf(request));
    response.json({
      object: 'list',
      data: page.files.map(fileAnswer),
      has_more: page.hasMore,
      next_cursor: page.hasMore ? (page.files.at(-1)?.id ?? null) : null,
    });
  });
  filesPath.all(allowOnly('GET', 'POST'));

  const filePath = router.route('/files/:id');
  filePath.get(reading, async (request: Request<OfFile>, response: Response) => {
    response.json(fileAnswer(await files.get(request.params.id, callerOf(request))));
  });
  filePath.delete(writing, async (request: Request<OfFile>, response: Response) => {
    await files.remove(request.params.id, callerOf(request));
    response.status(204).end();
  });
  filePath.all(allowOnly('GET', 'DELETE'));

  return router;
}

function fileAnswer({ durationSeconds, ...file }: StoredFile): FileAnswer {
  return {
    object: 'file',
    id: file.id,
    content_type: file.contentType,
    bytes: file.bytes,
    sha256: file.sha256,
    width: file.width,
    height: file.height,
    ...(durationSeconds !== null && { duration_seconds: durationSeconds }),
    created_at: file.createdAt,
    expires_at: file.expiresAt,
  };
}

import { type Request, type Response, Router } from 'express';
import { ServiceError } from '../../../contract/errors.js';
import { jobIdFrom } from '../../jobs.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { Dialect, DialectDeps } from '../../middleware/dialect.js';
import { allowOnly, refuseUnknownPath } from '../../middleware/errors.js';
import { createMultipartBody } from '../../middleware/multipart-body.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import { sendContent } from '../../middleware/send-content.js';
import { takeJob } from '../../middleware/take-job.js';
import { listAnswer, videoAnswer, videoIdOf } from './answers.js';
import { renderError } from './errors.js';
import {
  contentSchema,
  createSchema,
  type Deleted,
  editSchema,
  extensionSchema,
  listSchema,
  remixSchema,
  VIDEO_PREFIX,
} from './schemas.js';
import { type Asked, inOwnWords, translateCreate, translateFollowUp } from './translate.js';

type OfVideo = { id: string };

/** OpenAI's Videos API: the clients that Sora's users have work against it. */
export function createOpenaiDialect({ jobs, authenticate, limitRate, readJson, maxBodyBytes }: DialectDeps): Dialect {
  const router = Router();
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(bearer), limitRate, requireScope('jobs:write')];
  const readBody = createMultipartBody({ maxBytes: maxBodyBytes, readJson });

  const videosPath = router.route('/v1/videos');
  videosPath.post(writing, readBody, async (request: Request, response: Response) => {
    const asked = translateCreate(parseRequest(createSchema, request.body));
    await accept({ request, response, asked, route: 'POST /v1/videos' });
  });
  videosPath.get(reading, async (request: Request, response: Response) => {
    const { after, limit, order } = parseRequest(listSchema, request.query);
    const cursor = after === undefined ? undefined : jobIdFrom(after, VIDEO_PREFIX);
    response.json(listAnswer(await jobs.list({ after: cursor, limit, order }, callerOf(request))));
  });
  videosPath.all(allowOnly('GET', 'POST'));

  const editsPath = router.route('/v1/videos/edits');
  editsPath.post(writing, readBody, async (request: Request, response: Response) => {
    const { prompt, video } = parseRequest(editSchema, request.body);
    const asked = translateFollowUp({ source: await find(request, video.id), prompt, sourceWord: 'video' });
    await accept({ request, response, asked, route: 'POST /v1/videos/edits' });
  });
  editsPath.all(allowOnly('POST'));

  const extensionsPath = router.route('/v1/videos/extensions');
  extensionsPath.post(writing, readBody, async (request: Request, response: Response) => {
    const { prompt, seconds, video } = parseRequest(extensionSchema, request.body);
    const asked = translateFollowUp({ source: await find(request, video.id), prompt, seconds, sourceWord: 'video' });
    await accept({ request, response, asked, route: 'POST /v1/videos/extensions' });
  });
  extensionsPath.all(allowOnly('POST'));

  // Else it would be taken for the id of a video.
  router.all('/v1/videos/characters', refuseUnknownPath);

  const videoPath = router.route('/v1/videos/:id');
  videoPath.get(reading, async (request: Request<OfVideo>, response: Response) => {
    response.json(videoAnswer(await find(request, request.params.id)));
  });
  videoPath.delete(writing, async (request: Request<OfVideo>, response: Response) => {
    const id = knownId(request.params.id);
    await jobs.remove(id, callerOf(request));
    const answer: Deleted = { id: videoIdOf(id), object: 'video.deleted', deleted: true };
    response.json(answer);
  });
  videoPath.all(allowOnly('GET', 'DELETE'));

  const contentPath = router.route('/v1/videos/:id/content');
  contentPath.get(reading, async (request: Request<OfVideo>, response: Response) => {
    const { variant: kind } = parseRequest(contentSchema, request.query);
    const access = { kind: 'workspace', workspaceId: callerOf(request).workspaceId } as const;
    const content = await jobs.content(knownId(request.params.id), { index: 0, kind, access });
    await sendContent(request, response, content);
  });
  contentPath.all(allowOnly('GET', 'HEAD'));

  const remixPath = router.route('/v1/videos/:id/remix');
  remixPath.post(writing, readBody, async (request: Request<OfVideo>, response: Response) => {
    const { prompt } = parseRequest(remixSchema, request.body);
    const source = await find(request, request.params.id);
    const asked = translateFollowUp({ source, prompt, sourceWord: 'video_id' });
    await accept({ request, response, asked, route: 'POST /v1/videos/{id}/remix' });
  });
  remixPath.all(allowOnly('POST'));

  return { prefixes: ['/v1/videos'], router, renderError };

  function find(request: Request<unknown>, id: string) {
    return jobs.get(knownId(id), callerOf(request));
  }

  type Accepting = { request: Request<unknown>; response: Response; asked: Asked; route: string };

  async function accept({ request, response, asked, route }: Accepting): Promise<void> {
    const { request: wanted, wordFor } = asked;
    const taking = { request, response, wanted, wordFor, dialect: 'openai', route };
    const job = await takeJob(jobs, taking).catch((error: unknown) => {
      throw inOwnWords(error, wanted);
    });
    response.json(videoAnswer(job));
  }
}

/** The job of a video's id. Its form tells no one whether there is such a video. */
function knownId(text: string): string {
  const id = jobIdFrom(text, VIDEO_PREFIX);
  if (id === undefined) throw new ServiceError('not_found', { detail: `There is no video ${text.slice(0, 100)}.` });
  return id;
}

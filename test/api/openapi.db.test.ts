import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Router } from 'express';
import { dialectDescriptions } from '../../api/dialects.js';
import { describeApi } from '../../api/openapi.js';
import { type Api, startApi } from '../support/api.js';

/** For providers, each of which was told its address: callers have nothing to do there. */
const forProviders = ['POST /callbacks/{}/{}', 'POST /callbacks/{}'];

/** What tells of the others. */
const documentation = ['GET /', 'GET /openapi.json', 'GET /docs', 'GET /docs/start.js', 'GET /docs/reference.js'];

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const fetchPath = (path: string, init: RequestInit = {}) =>
  fetch(new URL(path, api.url), { redirect: 'manual', ...init });

it('every route of the application is described, and nothing else', () => {
  const { paths = {} } = describeApi(dialectDescriptions, { publicUrl: 'https://reelay.test' });
  const described = Object.entries(paths).flatMap(([path, item]) =>
    // Express answers HEAD wherever there is a GET.
    Object.keys(item).flatMap((method) => (method === 'head' ? [] : [`${method.toUpperCase()} ${unnamed(path)}`])),
  );

  expect(routesOf(api.application.router.stack).toSorted()).toEqual(
    [...described, ...documentation, ...forProviders].toSorted(),
  );
});

describe('GET /openapi.json', () => {
  it('names this deployment as its server', async () => {
    const response = await fetchPath('/openapi.json');

    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await response.json()).toMatchObject({ openapi: '3.1.1', servers: [{ url: 'https://reelay.test' }] });
  });

  it('is not sent again to who has it', async () => {
    const etag = (await fetchPath('/openapi.json')).headers.get('etag') ?? '';

    const response = await fetchPath('/openapi.json', {
      headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
    });

    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect(response.status).toBe(304);
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
  });
});

describe('GET /docs', () => {
  it('loads only what is here, and may load nothing else', async () => {
    const response = await fetchPath('/docs');
    const html = await response.text();
    const sources = [...html.matchAll(/src="([^"]*)"/g)].map(([, source = '']) => source);
    const scripts = await Promise.all(sources.map((source) => fetchPath(source)));

    expect(sources).toEqual([expect.stringMatching(/^\/docs\//), expect.stringMatching(/^\/docs\//)]);
    expect(html).not.toMatch(/https?:|<script>|<style>| on\w+=/);
    expect(scripts.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual(
      sources.map(() => [200, expect.stringMatching(/^text\/javascript/)]),
    );
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self';");
    expect(policy).not.toContain('https:');
  });

  it('is where the root leads', async () => {
    const response = await fetchPath('/');

    expect([response.status, response.headers.get('location')]).toEqual([302, '/docs']);
  });

  it('is only read', async () => {
    expect((await fetchPath('/docs', { method: 'POST' })).status).toBe(405);
  });
});

/** `GET /api/v1/jobs/{}` for each method of each route, also of routers within. */
function routesOf(layers: Router['stack'], prefix = ''): string[] {
  return layers.flatMap((layer) => {
    if (layer.route) {
      const paths = [layer.route.path].flat().map((path) => unnamed(`${prefix}${path}`));
      const methods = layer.route.stack.flatMap(({ method }) => (method === undefined ? [] : [method.toUpperCase()]));
      return [...new Set(methods)].flatMap((method) => paths.map((path) => `${method} ${path}`));
    }
    if (!isRouter(layer.handle) || !('rawPath' in layer)) return [];
    const mounted = layer.rawPath === '/' ? '' : String(layer.rawPath);
    return routesOf(layer.handle.stack, `${prefix}${mounted}`);
  });
}

/** What a part of the path is called is nobody's business but ours. */
function unnamed(path: string): string {
  return path.replaceAll(/:\w+|\{\w+\}/g, '{}');
}

function isRouter(handle: object): handle is Router {
  return 'stack' in handle;
}

import type { Response } from 'express';
import type { JobApi } from '../jobs.js';

/** RFC 9745 and RFC 8594, in every dialect: when the model was deprecated, when it ends, and which one comes after it. */
export function tellLifeOfModel(response: Response, { jobs, name }: { jobs: JobApi; name: string }): void {
  const model = jobs.models.get(name);
  if (!model) return;
  const { status, deprecatedAt, sunsetAt, replacement } = jobs.lifeOf(model);
  if (status === 'active') return;
  const pathOf = (of: string) => `${jobs.publicUrl}/api/v1/models/${encodeURIComponent(of)}`;
  if (deprecatedAt) response.set('Deprecation', `@${Math.floor(deprecatedAt.getTime() / 1_000)}`);
  if (sunsetAt) response.set('Sunset', sunsetAt.toUTCString());
  response.append('Link', `<${pathOf(name)}>; rel="deprecation"; type="application/json"`);
  if (replacement !== null) response.append('Link', `<${pathOf(replacement)}>; rel="successor-version"`);
}

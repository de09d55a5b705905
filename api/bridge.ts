import { type Circumstances, canDo, type RoutableRequest } from './fitness.js';
import type { PublicRoute } from './models.js';

const STILL_TYPE = 'image/png';
/** Of an image that does not compress at all. */
const BYTES_PER_PIXEL = 4;

/** A follow-up as an account is asked for it that cannot go on from the source itself: to animate a still of it. */
export function bridgedRequest(request: RoutableRequest): RoutableRequest | undefined {
  const { sourceVideo } = request.inputs;
  if (!sourceVideo?.artifactId) return undefined;
  const { size } = sourceVideo;
  const still = { contentType: STILL_TYPE, bytes: BYTES_PER_PIXEL * size.width * size.height, ...size };
  return { ...request, operation: 'image_to_video', size, inputs: { firstFrame: still, references: [] } };
}

type Asked = { request: RoutableRequest; natives: readonly PublicRoute[]; circumstances: Circumstances };

/** Those that can be asked so. An account that can go on from the source itself is not asked for less. */
export function bridgesAmong(
  routes: readonly PublicRoute[],
  { request, natives, circumstances }: Asked,
): PublicRoute[] {
  const bridged = bridgedRequest(request);
  if (!bridged) return [];
  const makers = new Set(natives.map(({ account }) => account));
  return routes.filter((route) => !makers.has(route.account) && canDo(route, bridged, circumstances));
}

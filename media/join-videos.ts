import { MediaError } from './media-error.js';
import type { JoinedVideo, Joining, MediaLimits } from './messages.js';

export async function joinVideos({ sources }: Joining & { limits: MediaLimits }): Promise<JoinedVideo> {
  throw new MediaError('failed', `joining ${sources.length} videos is not there yet`);
}

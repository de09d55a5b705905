export { makeRendition } from './make-rendition.js';
export { sweepProviders } from './sweep-providers.js';
export { videoJob } from './video-job.js';

export { makeRendition } from './make-rendition.js';
export { videoJob } from './video-job.js';

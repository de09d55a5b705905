export { deliverWebhook } from './deliver-webhook.js';
export { makeRendition } from './make-rendition.js';
export { sweepProviders } from './sweep-providers.js';
export { videoJob } from './video-job.js';
export { videoPipeline } from './video-pipeline.js';

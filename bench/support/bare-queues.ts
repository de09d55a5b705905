export const bareQueues = { jobs: 'bare-jobs', provider: 'bare-provider', media: 'bare-media' };

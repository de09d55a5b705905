/** Where workflows and what settles them run. */
export const workflowQueue = 'reelay-jobs';
/** Where files are downloaded and checked. */
export const mediaQueue = 'reelay-media';
/** Where events are told to the addresses that callers named. */
export const webhookQueue = 'reelay-webhooks';
/** One queue per provider account, so that its rate and concurrency are bounded in one place. */
export const providerQueue = (account: string) => `reelay-provider-${account}`;

/** What operators filter by in Temporal's Web UI. All are keywords. */
export const searchAttributeNames = {
  status: 'ReelayStatus',
  provider: 'ReelayProvider',
  model: 'ReelayModel',
  workspace: 'ReelayWorkspace',
  operation: 'ReelayOperation',
  pipeline: 'ReelayPipeline',
} as const;

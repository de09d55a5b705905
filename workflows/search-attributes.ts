import { defineSearchAttributeKey } from '@temporalio/common';
import { searchAttributeNames } from '../contract/queues.js';

export const statusAttribute = defineSearchAttributeKey(searchAttributeNames.status, 'KEYWORD');
export const providerAttribute = defineSearchAttributeKey(searchAttributeNames.provider, 'KEYWORD');

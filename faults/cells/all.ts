import type { Cell } from '../cell.js';
import { callbackFloodCells } from './callback-floods.js';
import { callbackCells } from './callbacks.js';
import { cancelCells } from './cancel.js';
import { clockCells } from './clock.js';
import { crashCells } from './crash.js';
import { crashTogetherCells } from './crash-together.js';
import { diskCells } from './disk.js';
import { forgetCells } from './forget.js';
import { lostCells } from './lost.js';
import { machineCells } from './machine.js';
import { networkCells } from './network.js';
import { operatorCells } from './operator.js';
import { pipelineFailureCells } from './pipeline-failures.js';
import { pipelineKillCells } from './pipeline-kills.js';
import { pipelineMachineCells } from './pipeline-machine.js';
import { pipelineWishCells } from './pipeline-wishes.js';
import { policyCells } from './policy.js';
import { providerCells } from './provider.js';
import { settlingCells } from './settling.js';
import { stopCells } from './stop.js';
import { vendorCells } from './vendors.js';
import { webhookLoadCells } from './webhook-loads.js';
import { webhookCells } from './webhooks.js';

export const allCells: readonly Cell[] = [
  ...providerCells,
  ...vendorCells,
  ...policyCells,
  ...operatorCells,
  ...cancelCells,
  ...lostCells,
  ...callbackCells,
  ...callbackFloodCells,
  ...webhookCells,
  ...webhookLoadCells,
  ...crashCells,
  ...crashTogetherCells,
  ...settlingCells,
  ...networkCells,
  ...diskCells,
  ...clockCells,
  ...forgetCells,
  ...pipelineFailureCells,
  ...pipelineKillCells,
  ...pipelineWishCells,
  ...pipelineMachineCells,
  ...machineCells,
  ...stopCells,
];

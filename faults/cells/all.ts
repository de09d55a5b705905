import type { Cell } from '../cell.js';
import { cancelCells } from './cancel.js';
import { clockCells } from './clock.js';
import { crashCells } from './crash.js';
import { diskCells } from './disk.js';
import { forgetCells } from './forget.js';
import { machineCells } from './machine.js';
import { networkCells } from './network.js';
import { policyCells } from './policy.js';
import { providerCells } from './provider.js';
import { stopCells } from './stop.js';
import { vendorCells } from './vendors.js';

export const allCells: readonly Cell[] = [
  ...providerCells,
  ...vendorCells,
  ...policyCells,
  ...cancelCells,
  ...crashCells,
  ...networkCells,
  ...diskCells,
  ...clockCells,
  ...forgetCells,
  ...machineCells,
  ...stopCells,
];

import type { Cell } from '../cell.js';
import { clockCells } from './clock.js';
import { crashCells } from './crash.js';
import { diskCells } from './disk.js';
import { machineCells } from './machine.js';
import { networkCells } from './network.js';
import { providerCells } from './provider.js';
import { stopCells } from './stop.js';
import { vendorCells } from './vendors.js';

export const allCells: readonly Cell[] = [
  ...providerCells,
  ...vendorCells,
  ...crashCells,
  ...networkCells,
  ...diskCells,
  ...clockCells,
  ...machineCells,
  ...stopCells,
];

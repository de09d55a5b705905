import type { Cell } from '../cell.js';
import { crashCells } from './crash.js';

export const allCells: readonly Cell[] = [...crashCells];

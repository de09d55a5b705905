import type { Cell } from '../cell.js';
import type { Expected } from './outcome.js';
import { type Misdeed, scriptedCell } from './scripted.js';

export type Vendor = {
  account: string;
  others: string[];
  request: { model: string; seconds: number };
  /** How a task comes to light whose submit had no answer: it is listed, or calls back by itself. */
  tellsBy?: 'list' | 'callback';
};

/** Whom each model asks first, and the shortest that it makes. */
export const vendors: Record<string, Vendor> = {
  apixo: {
    account: 'apixo',
    others: ['omixa', 'omixa-2'],
    request: { model: 'sora', seconds: 10 },
    tellsBy: 'callback',
  },
  pixazo: { account: 'pixazo', others: [], request: { model: 'sora-2-pro', seconds: 4 }, tellsBy: 'callback' },
  globalaiopc: { account: 'globalaiopc', others: [], request: { model: 'sora-2-stable', seconds: 10 } },
  openai: { account: 'openai', others: [], request: { model: 'sora-2', seconds: 4 }, tellsBy: 'list' },
};

type VendorMisdeed = Pick<Misdeed, 'scripts'> & { expected: (vendor: Vendor) => Expected[] };

const done = (): Expected[] => [{ status: 'succeeded' }];
const unknown = (accepted: number): Expected[] => [{ status: 'failed', code: 'submission_unknown', accepted }];
/** Where the provider tells in any way, the task is found again; where not, the job says openly that nobody knows. */
const foundOrUnknown = ({ tellsBy, others }: Vendor): Expected[] =>
  tellsBy ? [{ status: 'succeeded', attempts: others.length + 1, accepted: 1 }] : unknown(1);
/** Where it lists what it took, it is seen that there is nothing, and the job is sent again. */
const againOrUnknown = ({ tellsBy, others }: Vendor): Expected[] =>
  tellsBy === 'list' ? [{ status: 'succeeded', attempts: others.length + 2, accepted: 1 }] : unknown(0);

/** Each vendor has its own wire format, so what can be misread is tried with each. */
const misdeeds: Record<string, VendorMisdeed> = {
  'accepted, then cut': { scripts: [{ call: 'submit', fault: 'accept_then_drop' }], expected: foundOrUnknown },
  'accepted without an id': { scripts: [{ call: 'submit', fault: 'accept_without_id' }], expected: foundOrUnknown },
  'gzip bomb for a submit': { scripts: [{ call: 'submit', fault: 'gzip_bomb' }], expected: foundOrUnknown },
  'cut before anything was made': {
    scripts: [{ call: 'submit', fault: 'not_created_drop' }],
    expected: againOrUnknown,
  },
  'dripping look': { scripts: [{ call: 'look', fault: 'drip_body' }], expected: done },
  'a word never seen': { scripts: [{ call: 'look', fault: 'unknown_status' }], expected: done },
  'done, then at work again': { scripts: [{ call: 'submit', fault: 'goes_back', looks: 2 }], expected: done },
  'late success': { scripts: [{ call: 'submit', fault: 'stall', looks: 4 }], expected: done },
  'another file after the cut': { scripts: [{ call: 'download', fault: 'swap' }], expected: done },
  'two different results': { scripts: [{ call: 'submit', fault: 'two_results' }], expected: done },
  'file of no end': {
    scripts: [{ call: 'download', fault: 'endless', times: null }],
    expected: () => [...done(), { status: 'failed', code: 'result_unavailable' }],
  },
};

/** Has the accounts that a model would ask before refuse. */
export const leadingTo = ({ others }: Vendor): Misdeed['scripts'] =>
  others.map((account) => ({ account, call: 'submit', fault: 'refuse', reason: 'balance' }));

export const vendorCells: Cell[] = Object.entries(vendors).flatMap(([name, vendor]) =>
  Object.entries(misdeeds).map(([misdeed, { scripts, expected }]) =>
    scriptedCell(`vendor/${name}/${misdeed}`, {
      scripts: [...leadingTo(vendor), ...scripts.map((script) => ({ account: vendor.account, ...script }))],
      expected: expected(vendor),
      request: vendor.request,
    }),
  ),
);

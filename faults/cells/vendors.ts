import type { Cell } from '../cell.js';
import type { Expected } from './outcome.js';
import { type Misdeed, scriptedCell } from './scripted.js';

/** Whom each model asks first, and the shortest that it makes. */
const vendors = {
  apixo: { account: 'apixo', others: ['omixa', 'omixa-2'], request: { model: 'sora', seconds: 10 } },
  pixazo: { account: 'pixazo', others: [], request: { model: 'sora-2-pro', seconds: 4 } },
  globalaiopc: { account: 'globalaiopc', others: [], request: { model: 'sora-2-stable', seconds: 10 } },
  openai: { account: 'openai', others: [], request: { model: 'sora-2', seconds: 4 } },
};

const done: Expected = { status: 'succeeded' };
/** Where the provider can be asked, the task is found again; where not, the job says openly that nobody knows. */
const foundOrUnknown: Expected[] = [
  { status: 'succeeded', accepted: 1 },
  { status: 'failed', code: 'submission_unknown', accepted: 1 },
];

/** Each vendor has its own wire format, so what can be misread is tried with each. */
const misdeeds: Record<string, Pick<Misdeed, 'scripts' | 'expected'>> = {
  'accepted, then cut': { scripts: [{ call: 'submit', fault: 'accept_then_drop' }], expected: foundOrUnknown },
  'accepted without an id': { scripts: [{ call: 'submit', fault: 'accept_without_id' }], expected: foundOrUnknown },
  'gzip bomb for a submit': { scripts: [{ call: 'submit', fault: 'gzip_bomb' }], expected: foundOrUnknown },
  'dripping look': { scripts: [{ call: 'look', fault: 'drip_body' }], expected: [done] },
  'a word never seen': { scripts: [{ call: 'look', fault: 'unknown_status' }], expected: [done] },
  'done, then at work again': { scripts: [{ call: 'submit', fault: 'goes_back', looks: 2 }], expected: [done] },
  'late success': { scripts: [{ call: 'submit', fault: 'stall', looks: 4 }], expected: [done] },
  'another file after the cut': { scripts: [{ call: 'download', fault: 'swap' }], expected: [done] },
  'two different results': { scripts: [{ call: 'submit', fault: 'two_results' }], expected: [done] },
  'file of no end': {
    scripts: [{ call: 'download', fault: 'endless', times: null }],
    expected: [done, { status: 'failed', code: 'result_unavailable' }],
  },
};

export const vendorCells: Cell[] = Object.entries(vendors).flatMap(([vendor, { account, others, request }]) =>
  Object.entries(misdeeds).map(([name, { scripts, expected }]) =>
    scriptedCell(`vendor/${vendor}/${name}`, {
      scripts: [
        ...others.map((other) => ({ account: other, call: 'submit' as const, fault: 'refuse', reason: 'balance' })),
        ...scripts.map((script) => ({ account, ...script })),
      ],
      expected,
      request,
    }),
  ),
);

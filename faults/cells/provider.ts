import type { Cell } from '../cell.js';
import type { Expected } from './outcome.js';
import { type Misdeed, scriptedCell } from './scripted.js';

const first = { account: 'omixa' };
const second = { account: 'omixa-2' };

const done = (attempts = 1, accepted = 1, provider = 'omixa'): Expected[] => [
  { status: 'succeeded', attempts, accepted, provider },
];
const elsewhere = done(2, 2, 'omixa-2');
const failed = (code: string, accepted = 0): Expected[] => [{ status: 'failed', code, attempts: 1, accepted }];
/** The task exists, and nobody can ask this provider for it. */
const lost = failed('submission_unknown', 1);

/** What the first account of a job may do wrong. `accepted` is what was really made, whatever was told. */
const misdeeds: Record<string, Misdeed> = {
  'nothing goes wrong': { scripts: [{ call: 'submit', fault: 'finished_at_once' }], expected: done() },

  'submit/no money': {
    scripts: [{ ...first, call: 'submit', fault: 'refuse', reason: 'balance' }],
    expected: done(2, 1, 'omixa-2'),
  },
  'submit/key refused': {
    scripts: [{ ...first, call: 'submit', fault: 'refuse', reason: 'auth' }],
    expected: done(2, 1, 'omixa-2'),
  },
  'submit/model gone': {
    scripts: [{ ...first, call: 'submit', fault: 'refuse', reason: 'model_gone' }],
    expected: done(2, 1, 'omixa-2'),
  },
  'submit/two accounts without money': {
    scripts: [first, second].map((account) => ({ ...account, call: 'submit', fault: 'refuse', reason: 'balance' })),
    request: { seconds: 10 },
    expected: done(3, 1, 'apixo'),
  },
  'submit/every account without money': {
    scripts: [first, second].map((account) => ({ ...account, call: 'submit', fault: 'refuse', reason: 'balance' })),
    expected: [{ status: 'failed', code: 'provider_unavailable', attempts: 2, accepted: 0 }],
  },
  'submit/moderated': {
    scripts: [{ call: 'submit', fault: 'refuse', reason: 'moderation' }],
    expected: failed('prompt_rejected'),
  },
  'submit/invalid': {
    scripts: [{ call: 'submit', fault: 'refuse', reason: 'invalid' }],
    expected: failed('provider_rejected'),
  },
  'submit/429, come back in a second': {
    scripts: [{ call: 'submit', fault: 'rate_limit', retryAfterSeconds: 1 }],
    expected: done(2),
  },
  'submit/429, come back in ten minutes': {
    scripts: [{ ...first, call: 'submit', fault: 'rate_limit', retryAfterSeconds: 600 }],
    expected: done(2, 1, 'omixa-2'),
  },
  'submit/429 without a time': { scripts: [{ call: 'submit', fault: 'rate_limit' }], expected: done(2) },
  'submit/500': { scripts: [{ call: 'submit', fault: 'server_error' }], expected: failed('submission_unknown') },
  'submit/a page': { scripts: [{ call: 'submit', fault: 'garbage' }], expected: failed('submission_unknown') },
  'submit/silence': { scripts: [{ call: 'submit', fault: 'hang' }], expected: failed('submission_unknown') },
  'submit/cut before anything was made': {
    scripts: [{ call: 'submit', fault: 'not_created_drop' }],
    expected: failed('submission_unknown'),
  },
  'submit/accepted, then cut': { scripts: [{ call: 'submit', fault: 'accept_then_drop' }], expected: lost },
  'submit/accepted, then silence': { scripts: [{ call: 'submit', fault: 'accept_then_hang' }], expected: lost },
  'submit/accepted without an id': { scripts: [{ call: 'submit', fault: 'accept_without_id' }], expected: lost },
  'submit/100 MB answer': { scripts: [{ call: 'submit', fault: 'huge_body' }], expected: lost },
  'submit/gzip bomb': { scripts: [{ call: 'submit', fault: 'gzip_bomb' }], expected: lost },
  'submit/deep nesting': { scripts: [{ call: 'submit', fault: 'deep_nesting' }], expected: lost },
  'submit/dripping headers': { scripts: [{ call: 'submit', fault: 'drip_headers' }], expected: lost },
  'submit/dripping body': { scripts: [{ call: 'submit', fault: 'drip_body' }], expected: lost },

  'life/fails': { scripts: [{ call: 'submit', fault: 'fail_after_accept' }], expected: done(2, 2) },
  'life/result moderated': {
    scripts: [{ call: 'submit', fault: 'fail_after_accept', reason: 'moderation' }],
    expected: failed('prompt_rejected', 1),
  },
  'life/stuck for ever': { scripts: [{ ...first, call: 'submit', fault: 'stall' }], expected: elsewhere },
  'life/late by many looks': { scripts: [{ call: 'submit', fault: 'stall', looks: 6 }], expected: done() },
  // It ends after it was given up for stalled, and the job has gone on elsewhere by then, also on a slow machine.
  'life/success after it was given up': {
    scripts: [{ ...first, call: 'submit', fault: 'stall', seconds: 45 }],
    expected: elsewhere,
  },
  'life/success without an address, for a while': {
    scripts: [{ call: 'submit', fault: 'succeed_without_url', looks: 3 }],
    expected: done(),
  },
  'life/success without an address, for ever': {
    scripts: [{ ...first, call: 'submit', fault: 'succeed_without_url' }],
    expected: elsewhere,
  },
  'life/done, then at work again': { scripts: [{ call: 'submit', fault: 'goes_back' }], expected: done() },
  // The address of the first look has expired, and the next looks know of no file.
  'life/done, expired, then at work again': {
    scripts: [
      { ...first, call: 'submit', fault: 'goes_back', looks: 2 },
      { ...first, call: 'download', fault: 'expired' },
    ],
    expected: [...done(), ...elsewhere],
  },
  'life/two different results': {
    scripts: [
      { call: 'submit', fault: 'two_results' },
      { call: 'download', fault: 'expired' },
    ],
    expected: done(),
  },

  'look/500': { scripts: [{ call: 'look', fault: 'server_error', times: 2 }], expected: done() },
  'look/429': { scripts: [{ call: 'look', fault: 'rate_limit', retryAfterSeconds: 1 }], expected: done() },
  'look/a page': { scripts: [{ call: 'look', fault: 'garbage', times: 2 }], expected: done() },
  'look/cut': { scripts: [{ call: 'look', fault: 'drop', times: 2 }], expected: done() },
  'look/silence': { scripts: [{ call: 'look', fault: 'hang' }], expected: done() },
  'look/a word never seen': { scripts: [{ call: 'look', fault: 'unknown_status', times: 2 }], expected: done() },
  'look/100 MB answer': { scripts: [{ call: 'look', fault: 'huge_body' }], expected: done() },
  'look/gzip bomb': { scripts: [{ call: 'look', fault: 'gzip_bomb' }], expected: done() },
  'look/deep nesting': { scripts: [{ call: 'look', fault: 'deep_nesting' }], expected: done() },
  'look/dripping headers': { scripts: [{ call: 'look', fault: 'drip_headers' }], expected: done() },
  'look/dripping body': { scripts: [{ call: 'look', fault: 'drip_body' }], expected: done() },

  'download/expired': { scripts: [{ call: 'download', fault: 'expired' }], expected: done() },
  'download/expired for ever': {
    scripts: [{ ...first, call: 'download', fault: 'expired', times: null }],
    expected: elsewhere,
  },
  'download/cut': { scripts: [{ call: 'download', fault: 'truncate' }], expected: done() },
  'download/cut, and only the file says so': {
    scripts: [{ call: 'download', fault: 'truncate_without_length' }],
    expected: done(),
  },
  'download/another file after the cut': { scripts: [{ call: 'download', fault: 'swap' }], expected: done() },
  'download/wrong type in its header': {
    scripts: [{ call: 'download', fault: 'wrong_content_type' }],
    expected: done(),
  },
  'download/500': { scripts: [{ call: 'download', fault: 'server_error' }], expected: done() },
  'download/a page, once': { scripts: [{ call: 'download', fault: 'html' }], expected: done() },
  'download/a page, for ever': {
    scripts: [{ ...first, call: 'download', fault: 'html', times: null }],
    expected: elsewhere,
  },
  'download/an image called .mp4': {
    scripts: [{ ...first, call: 'download', fault: 'image', times: null }],
    expected: elsewhere,
  },
  'download/0 bytes': { scripts: [{ ...first, call: 'download', fault: 'empty', times: null }], expected: elsewhere },
  'download/10 GB': { scripts: [{ ...first, call: 'download', fault: 'huge', times: null }], expected: elsewhere },
  'download/no end': { scripts: [{ ...first, call: 'download', fault: 'endless', times: null }], expected: elsewhere },
  'download/too slow': {
    scripts: [{ ...first, call: 'download', fault: 'slow', bytesPerSecond: 100, times: null }],
    expected: elsewhere,
  },
  'download/leads to a private address': {
    scripts: [
      { ...first, call: 'download', fault: 'redirect', location: 'http://169.254.169.254/latest/', times: null },
    ],
    expected: elsewhere,
  },
};

export const providerCells: Cell[] = Object.entries(misdeeds).map(([name, misdeed]) =>
  scriptedCell(`provider/${name}`, misdeed),
);

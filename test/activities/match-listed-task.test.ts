import { describe, expect, it } from '@jest/globals';
import { mayHaveBecome } from '../../activities/match-listed-task.js';
import type { ListedTask } from '../../contract/provider.js';

const intendedAt = new Date('2026-11-20T12:00:00Z');
const size = { width: 1280, height: 720 };
const lost = {
  upstreamModel: 'sora-2',
  intendedAt,
  submitTimeoutMs: 60_000,
  prompt: 'a paper boat',
  durationSeconds: 8,
  size,
};
const later = (ms: number) => new Date(intendedAt.getTime() + ms);
const listed: ListedTask = {
  task: { account: 'first', upstreamModel: 'sora-2', id: 'task-1' },
  createdAt: later(2_000),
  prompt: 'a paper boat',
  durationSeconds: 8,
  size,
  status: 'open',
};

describe('mayHaveBecome', () => {
  it.each<[string, Partial<ListedTask>]>([
    ['all that the list tells agrees', {}],
    ['the list tells neither length nor size', { durationSeconds: undefined, size: undefined }],
    ['the provider’s clock is behind ours', { createdAt: later(-50_000) }],
    ['it was created when the submit was about to be given up', { createdAt: later(110_000) }],
    ['it has failed meanwhile', { status: 'failed' }],
  ])('says yes when %s', (_, changes) => {
    expect(mayHaveBecome(lost, { ...listed, ...changes })).toBe(true);
  });

  it.each<[string, Partial<ListedTask>]>([
    ['the prompt is another', { prompt: 'a paper boat.' }],
    ['the list tells no prompt', { prompt: undefined }],
    ['the list tells no time', { createdAt: null }],
    ['it is longer', { durationSeconds: 12 }],
    ['it has another shape', { size: { width: 720, height: 1280 } }],
    ['it is of another model', { task: { ...listed.task, upstreamModel: 'sora-2-pro' } }],
    ['it was there before', { createdAt: later(-90_000) }],
    ['it was created after the submit was given up', { createdAt: later(130_000) }],
  ])('says no when %s', (_, changes) => {
    expect(mayHaveBecome(lost, { ...listed, ...changes })).toBe(false);
  });

  it('takes any shape where none was asked for', () => {
    expect(mayHaveBecome({ ...lost, size: null }, listed)).toBe(true);
  });
});

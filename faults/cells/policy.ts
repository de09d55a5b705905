import type { UnknownPolicy } from '../../contract/plan.js';
import { createOperatorJobs } from '../../store/operator-jobs.js';
import type { AcceptedJob, Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import { openWorkspace } from '../workspace.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';

const HELD_WITHIN_MS = 60_000;

/** What became of the submit of each, as an operator who has looked at the provider's own page says. */
const words = ['accepted', 'never_existed', 'fail', 'failover'] as const;
type Word = (typeof words)[number];

const endings: Record<Word, Expected[]> = {
  accepted: [{ status: 'succeeded', attempts: 1, accepted: 1 }],
  never_existed: [{ status: 'succeeded', attempts: 2, accepted: 1 }],
  fail: [{ status: 'failed', code: 'submission_unknown', attempts: 1, accepted: 1 }],
  failover: [{ status: 'succeeded', attempts: 2, accepted: 2, provider: 'omixa-2' }],
};

/** A lost answer, in workspaces that want something else than to fail. */
export const policyCells: Cell[] = [
  {
    name: 'policy/failover/accepted, then cut',
    isAlone: false,
    run: (world, episode) => lose(world, episode, { policy: 'failover', expected: endings.failover }),
  },
  ...words.map(
    (word): Cell => ({
      name: `policy/hold/the operator says ${word}`,
      isAlone: false,
      run: (world, episode) => lose(world, episode, { policy: 'hold', word, expected: endings[word] }),
    }),
  ),
];

type Loss = { policy: UnknownPolicy; word?: Word; expected: Expected[] };

async function lose(world: World, { mark }: Episode, { policy, word, expected }: Loss): Promise<EpisodeResult> {
  const prompt = world.promptOf(mark);
  const { caller } = await openWorkspace(world, { name: mark, policy });
  const fault = word === 'never_existed' ? 'not_created_drop' : 'accept_then_drop';
  await world.sandbox.script({ account: 'omixa', call: 'submit', fault, promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}` });
  const isDecided = word ? await decide(world, job, word) : true;
  const violations = await judgeEnding({ ...world, caller }, job, expected);
  const calls = await world.sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
  return { fired: isDecided && calls.some((call) => call.fault === fault), recoveredMs: null, jobs: [job], violations };
}

/** Says the word as soon as the job waits for one. */
async function decide({ database, sandbox }: World, { id, prompt }: AcceptedJob, word: Word): Promise<boolean> {
  const jobs = createOperatorJobs(database);
  const madeTask = async () => {
    const [made] = await sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
    return made && (made.taskId ?? '');
  };
  const taskId = await eventually(madeTask, { withinMs: HELD_WITHIN_MS });
  const decided = await eventually(
    async () => {
      const by = 'the fault suite';
      const decision = word === 'accepted' ? { resolution: word, taskId: taskId ?? '', by } : { resolution: word, by };
      return (await jobs.decide(id, decision)) === 'decided' || undefined;
    },
    { withinMs: HELD_WITHIN_MS, everyMs: 200 },
  );
  return decided ?? false;
}

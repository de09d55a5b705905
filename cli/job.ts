import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { formatUsd } from '../contract/money.js';
import type { Announcer } from '../store/announcements.js';
import { announcingOperatorJobs } from '../store/announcing.js';
import { type AttemptRow, createAttempts } from '../store/attempts.js';
import type { Database } from '../store/database.js';
import { createOperatorJobs, type Decided, type Decision, type OperatorJob } from '../store/operator-jobs.js';
import { table } from './table.js';

type Deps = {
  openDatabase: () => Database;
  openAnnouncer: () => Announcer;
  show: (value: unknown, text: () => string) => void;
};
type Choice = { accepted?: string; neverExisted?: boolean; fail?: boolean; failover?: boolean; by?: string };

/** The verbs for jobs: how one stands, which of them wait for somebody's word, and that word. */
export function addJobVerbs(program: Command, { openDatabase, openAnnouncer, show }: Deps): void {
  const job = program.command('job').description('jobs of all workspaces, and what is decided about lost submits');
  job
    .command('show <job>')
    .description('a job and its attempts at providers')
    .action(async (id: string) => {
      const database = openDatabase();
      const found = await createOperatorJobs(database).find(id);
      if (!found) throw new Error(`There is no job ${id}.`);
      const attempts = await createAttempts(database).ofJob(id);
      show({ ...viewOfJob(found), attempts: attempts.map(viewOfAttempt) }, () => textOf(found, attempts));
    });
  job
    .command('list')
    .description('open jobs, oldest first')
    .option('--unknown', 'only those of which nobody can say whether a provider took them')
    .action(async ({ unknown = false }: { unknown?: boolean }) => {
      const jobs = await createOperatorJobs(openDatabase()).list({ isUnknown: unknown });
      show(jobs.map(viewOfJob), () => {
        if (jobs.length === 0) return unknown ? 'No job waits for a word.' : 'No job is open.';
        const titles = ['id', 'workspace', 'model', 'state', 'phase', 'provider', 'if unknown', 'created'];
        const lines = jobs.map((row) => [
          row.id,
          row.workspace,
          row.model,
          row.state,
          row.phase,
          row.provider,
          policyOf(row),
          row.created_at,
        ]);
        return table(titles, lines);
      });
    });
  job
    .command('resolve <job>')
    .description('say what became of a submit whose answer was lost; the job goes on within seconds')
    .option('--accepted <task>', 'the provider has this task: wait for it')
    .option('--never-existed', 'the provider never took it: try again')
    .option('--fail', 'end the job as submission_unknown and give the hold back')
    .option('--failover', 'go on with the next provider, at the risk of one duplicate')
    .option('--by <name>', 'who decides; kept with the decision (default: whoever is logged in)')
    .action(async (id: string, choice: Choice) => {
      const decision = readDecision(choice);
      const { resolution, by } = decision;
      const decided = await announcingOperatorJobs(createOperatorJobs(openDatabase()), openAnnouncer()).decide(
        id,
        decision,
      );
      if (decided !== 'decided') throw new Error(refusals[decided](id));
      show({ id, resolution, by }, () => `${id} is resolved: ${resolution.replace('_', ' ')}`);
    });
}

const refusals: Record<Exclude<Decided, 'decided'>, (id: string) => string> = {
  no_job: (id) => `There is no job ${id}.`,
  ended: (id) => `${id} has ended.`,
  not_unknown: (id) => `${id} waits for no word: what became of its last submit is known, or about to be.`,
  decided_before: (id) => `${id} has gone on, or has been decided about, meanwhile.`,
  task_owned: () => 'That task belongs to another attempt.',
  left_before: (id) => `${id} has gone on once without knowing; a second duplicate is not risked.`,
};

function readDecision({ accepted, neverExisted, fail, failover, by = loginName() }: Choice): Decision {
  const chosen: Decision['resolution'][] = [
    ...(accepted === undefined ? [] : (['accepted'] as const)),
    ...(neverExisted ? (['never_existed'] as const) : []),
    ...(fail ? (['fail'] as const) : []),
    ...(failover ? (['failover'] as const) : []),
  ];
  const [resolution] = chosen;
  if (resolution === undefined || chosen.length > 1)
    throw new Error('Say one of --accepted <task>, --never-existed, --fail and --failover.');
  if (resolution !== 'accepted') return { resolution, by };
  const taskId = accepted?.trim();
  if (!taskId) throw new Error('--accepted needs the id of the task at the provider.');
  return { resolution, taskId, by };
}

/** In a container there may be no such user. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'operator';
  }
}

const policyOf = ({ plan }: OperatorJob) => plan.unknownPolicy ?? 'fail';
const usd = (micros: number | null) => (micros === null ? null : formatUsd(micros));

function viewOfJob(job: OperatorJob) {
  const { plan, held_micros: held, captured_micros: captured, ...facts } = job;
  return { ...facts, unknown_policy: plan.unknownPolicy ?? 'fail', held: usd(held), captured: usd(captured) };
}

function viewOfAttempt(row: AttemptRow) {
  const { number, account: provider, upstream_model, state, task, charged, resolution, intended_at, failure } = row;
  const cost = usd(row.cost_micros);
  return {
    number,
    provider,
    upstream_model,
    state,
    task: task?.id ?? null,
    cost,
    charged,
    resolution,
    intended_at,
    failure,
  };
}

function textOf(job: OperatorJob, attempts: AttemptRow[]): string {
  const standing = [job.state, job.phase, job.error_code].filter(Boolean).join(' · ');
  const money = `held ${usd(job.held_micros)} USD${job.captured_micros === null ? '' : `, captured ${usd(job.captured_micros)} USD`}`;
  const facts = [
    `${job.id}  ${standing}`,
    `${job.workspace} · ${job.model} · ${money} · if unknown: ${policyOf(job)}`,
    ...(job.provider_cancel ? [`cancelled; at the provider: ${job.provider_cancel}`] : []),
  ];
  if (attempts.length === 0) return facts.join('\n');
  const titles = ['try', 'provider', 'model', 'state', 'task', 'cost USD', 'charged', 'resolved', 'intended'];
  const lines = attempts
    .map(viewOfAttempt)
    .map((row) => [
      row.number,
      row.provider,
      row.upstream_model,
      row.state,
      row.task,
      row.cost,
      row.charged,
      row.resolution,
      row.intended_at,
    ]);
  return [...facts, table(titles, lines)].join('\n');
}

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import pc from 'picocolors';
import { createDemoCaller, type DemoJob } from './demo-caller.js';
import { type ChainDemo, createChainDemo, expectedSeconds, filmOf, standingOf, treeOf } from './demo-chain.js';
import { type DialectDemo, dialectDemos } from './demo-dialects.js';
import { createProgress } from './demo-progress.js';
import { createServedDemo } from './demo-served.js';
import { isSupervised } from './instance.js';
import { isHealthy, untilHealthy } from './services.js';
import { readStackFile, type StackFile } from './stack-file.js';
import { homeFolder } from './state.js';
import { createSupervisor } from './supervisor.js';

/**
 * `npm run demo`: one job from its request to its file and then a chain of jobs, on the stack that runs here or on one that lives as long as
 * the demo.
 * With `--dialect <name>`, one job as a client of that vendor asks for it, and one that is made by that vendor as a provider.
 */
const example = {
  model: 'sora',
  prompt: 'A cinematic product reveal of an AI API gateway on a clean white desk.',
  video_operation: 'text_to_video',
  seconds: 8,
  size: '1280x720',
  wait_seconds: 3,
  poll_interval_seconds: 2,
};
const INTERRUPTED = 130;
/** A frame or two. */
const TOLERATED_SECONDS = 0.1;

const { dialect } = new Command('demo')
  .addOption(new Option('--dialect <name>', 'one job each way').choices(Object.keys(dialectDemos)))
  .parse()
  .opts<{ dialect?: string }>();
const home = homeFolder(process.env);
const say = (text: string) => process.stderr.write(`${pc.dim(text)}\n`);
const tell = (name: string, value: string) => process.stdout.write(`${pc.bold(name.padEnd(12))} ${value}\n`);

let isOwnStack = false;
let stopStack = async () => {};
// Whoever read our output may be gone; what we run is not theirs to take along.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

let isStopping = false;
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (isStopping) return;
    process.stderr.write('\n');
    say('stopping …');
    void stop(INTERRUPTED);
  });
}

try {
  const stack = await findOrStartStack();
  const demo = dialect === undefined ? undefined : dialectDemos[dialect];
  if (demo) {
    await followServed(stack, demo);
    tell('provider', demo.spoken.provider);
  }
  const job = await follow(stack, demo?.spoken.request ?? example);
  if (demo && job.provider !== demo.spoken.provider) throw new Error(`the job was made by ${job.provider}`);
  if (!demo) await followChain(createChainDemo(stack));
  if (isOwnStack) say('the stack of the demo stops now; `npm start` brings it, and the job in the Temporal UI, back');
  if (!isStopping) await stop(job.status === 'succeeded' ? 0 : 1);
} catch (error) {
  if (!isStopping) {
    process.stderr.write(`${pc.red('reelay:')} ${error instanceof Error ? error.message : String(error)}\n`);
    await stop(1);
  }
}

async function findOrStartStack(): Promise<StackFile> {
  const running = isSupervised(home) ? readStackFile(home) : undefined;
  if (running) {
    const isAnswering = await isHealthy(new URL('/readyz', running.apiUrl));
    if (!isAnswering) await untilHealthy(new URL('/readyz', running.apiUrl));
    say(`using the stack that runs at ${running.apiUrl}`);
    return running;
  }
  say('starting a stack for the demo …');
  const supervisor = createSupervisor({ home, environment: process.env, say });
  isOwnStack = true;
  stopStack = () => supervisor.stop();
  return supervisor.start();
}

/** In the words of a dialect. */
async function followServed({ apiUrl, apiKey }: StackFile, demo: DialectDemo): Promise<void> {
  const progress = createProgress(process.stdout);
  const served = createServedDemo({ demo, apiUrl, apiKey, show: (standing) => progress.show(standing) });
  tell('request', `POST ${demo.create.path}`);
  const id = await served.create();
  tell('job', id);
  const video = await served.untilDone(id);
  progress.end();
  const file = await newDemoFile(`${id}.mp4`);
  await served.save(video, file);
  tell('video', file);
}

async function newDemoFile(name: string): Promise<string> {
  const folder = join(home, 'demo');
  await mkdir(folder, { recursive: true });
  return join(folder, name);
}

async function follow({ apiUrl, apiKey }: StackFile, request: object): Promise<DemoJob> {
  const caller = createDemoCaller({ apiUrl, apiKey });
  const progress = createProgress(process.stdout);
  let job = await caller.create(request);
  tell('job', job.id);
  if (job.links.temporal) tell('Temporal UI', job.links.temporal);
  while (!['succeeded', 'failed', 'canceled'].includes(job.status)) {
    progress.show(job);
    job = await caller.next(job);
  }
  progress.show(job);
  progress.end();

  if (job.status !== 'succeeded') {
    throw new Error(`the job ended as ${job.status}: ${job.error?.code ?? ''} ${job.error?.message ?? ''}`.trim());
  }
  for (const [index, video] of job.data.entries()) {
    const file = await newDemoFile(index === 0 ? `${job.id}.mp4` : `${job.id}-${index}.mp4`);
    await caller.save(video, file);
    tell('video', file);
  }
  tell('charged', `${job.cost.captured ?? job.cost.held} ${job.cost.currency}`);
  return job;
}

/** A chain is one request, too, whatever becomes of a provider in the middle of it. */
async function followChain(chain: ChainDemo): Promise<void> {
  const progress = createProgress(process.stdout);
  let pipeline = await chain.begin();
  tell('pipeline', pipeline.id);
  if (pipeline.links.temporal) tell('Temporal UI', pipeline.links.temporal);
  while (!['succeeded', 'failed', 'canceled'].includes(pipeline.status)) {
    progress.show({ status: standingOf(pipeline) });
    pipeline = await chain.next(pipeline);
  }
  progress.show({ status: standingOf(pipeline) });
  progress.end();
  process.stdout.write(`${treeOf(pipeline).join('\n')}\n`);
  if (pipeline.status !== 'succeeded') throw new Error(`the pipeline ended as ${pipeline.status}`);

  const file = await newDemoFile(`${pipeline.id}.mp4`);
  await chain.saveFilm(pipeline, file);
  const measured = filmOf(pipeline)?.data[0]?.duration_seconds ?? 0;
  const expected = expectedSeconds(pipeline);
  tell('film', file);
  tell('length', `${measured.toFixed(2)} s; its parts are ${expected.toFixed(2)} s long`);
  tell('charged', `${pipeline.cost.captured} ${pipeline.cost.currency}`);
  if (Math.abs(measured - expected) > TOLERATED_SECONDS) throw new Error('the film is not as long as its parts');
}

async function stop(code: number): Promise<void> {
  isStopping = true;
  await stopStack();
  process.exit(code);
}

import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JoinSource } from '../media/messages.js';
import { createMediaProcess } from '../media/process.js';
import { transcodeBare } from './support/bare-transcode.js';
import { peakOfChildrenMb } from './support/peak-memory.js';
import { type Figure, printFigures } from './support/report.js';

/** How long a second of video takes to join, copied and made anew, and how much memory it needs, beside the least that the codecs take. */
const CLIPS = 5;
const SECONDS = 8;
const FRAMES_PER_SECOND = 24;
const RESIDENT_GOAL_MB = 1_024;

const folder = await mkdtemp(join(tmpdir(), 'reelay-bench-media-'));
// The codecs work in threads that keep no process alive.
const wakefulness = setInterval(() => {}, 1_000);
const to = join(folder, 'joined.mp4');
const figures: Figure[] = [];
try {
  const wide = await draw('wide', { width: 1_280, height: 720 });
  const tall = await draw('tall', { width: 720, height: 1_280 });
  const copied = await perSecondOfVideo(() => copyAll(wide));
  const transcoded = await perSecondOfVideo(() =>
    transcodeBare({ paths: wide, to, framesPerSecond: FRAMES_PER_SECOND, bitsPerSecond: 2e6 }),
  );
  await measure('copied', { sources: wide.map((path) => ({ path })), limit: copied, goal: '' });
  const bridged = wide.map((path, index) => ({ path, withoutLastFrame: index < wide.length - 1 }));
  await measure('copied without the last frames', { sources: bridged, limit: copied, goal: '' });
  const faster = await draw('faster', { width: 1_280, height: 720, framesPerSecond: FRAMES_PER_SECOND + 1 });
  const alike = wide.map((path, index) => ({ path: index % 2 === 0 ? path : (faster[index] ?? path) }));
  await measure('made anew, alike but for the rate', { sources: alike, limit: transcoded, goal: '≤ 2' });
  const mixed = wide.map((path, index) => ({ path: index % 2 === 0 ? path : (tall[index] ?? path) }));
  await measure('made anew, 2 of 5 turned between bars', { sources: mixed, limit: transcoded, goal: '≤ 4' });
} finally {
  clearInterval(wakefulness);
  await rm(folder, { recursive: true, force: true });
}
printFigures(figures);

type Look = { width: number; height: number; framesPerSecond?: number };

async function draw(name: string, look: Look): Promise<string[]> {
  const media = createMediaProcess();
  const path = join(folder, `${name}.mp4`);
  const words = { title: 'text_to_video', prompt: 'A paper boat on a stream', detail: 'bench' };
  await media.drawClip({ path, seconds: SECONDS, framesPerSecond: FRAMES_PER_SECOND, ...look, ...words });
  await media.close();
  return Array.from({ length: CLIPS }, () => path);
}

async function copyAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await copyFile(path, to);
}

type Case = { sources: JoinSource[]; limit: number; goal: string };

async function measure(name: string, { sources, limit, goal }: Case): Promise<void> {
  const media = createMediaProcess({ maxConcurrent: 1 });
  try {
    const took = await perSecondOfVideo(() => media.joinVideos({ sources, to }));
    const figure = `join of ${CLIPS} × ${SECONDS} s of 1280×720, ${name}`;
    const { size } = await stat(to);
    figures.push(
      {
        figure: `${figure}: seconds of work per second of video`,
        measured: took.toFixed(4),
        limit: limit.toFixed(4),
        ratio: (took / limit).toFixed(2),
        goal,
      },
      {
        figure: `${figure}: most memory, for a file of ${(size / 1e6).toFixed(1)} MB`,
        measured: `${peakOfChildrenMb().toFixed(0)} MB`,
        limit: `${RESIDENT_GOAL_MB} MB`,
        ratio: (peakOfChildrenMb() / RESIDENT_GOAL_MB).toFixed(2),
        goal: '≤ 1',
      },
    );
  } finally {
    await media.close();
  }
}

async function perSecondOfVideo(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000 / (CLIPS * SECONDS);
}

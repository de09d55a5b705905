import { type FileHandle, open } from 'node:fs/promises';
import { MediaError } from './media-error.js';
import type { MediaLimits } from './messages.js';

/** The header of half an hour is a few megabytes. */
const MAX_HEADER_BYTES = 32 * 1_048_576;
const MAX_TRACKS = 32;
/** Half an hour in fragments of a quarter second, twice over. */
const MAX_BOXES = 32_768;
/** Read at once: there may be many small boxes. */
const WINDOW_BYTES = 65_536;
const BOX_HEADER_BYTES = 8;
const LONG_BOX_HEADER_BYTES = 16;
const FIRST_BOXES = new Set(['ftyp', 'styp', 'moov', 'moof', 'mdat', 'free', 'skip', 'wide', 'pdin']);

type Window = { at: number; bytes: Buffer };
type Box = { type: string; headerBytes: number; bytes: number };

/**
 * Refuses what a reader would have to take on trust: boxes that do not fit into the file, and tables so long that reading them takes the
 * memory of the process. Reads no more of the file than the header itself.
 */
export async function checkHeader({ path, limits }: { path: string; limits: MediaLimits }): Promise<void> {
  const file = await open(path);
  try {
    const movie = await findMovie(file);
    if (movie) checkMovie(movie, limits);
  } finally {
    await file.close();
  }
}

/** The contents of the `moov` box, when the file has one. */
async function findMovie(file: FileHandle): Promise<Buffer | undefined> {
  const { size } = await file.stat();
  let movie: Buffer | undefined;
  let window: Window = { at: 0, bytes: Buffer.alloc(0) };
  let at = 0;
  for (let count = 0; at + BOX_HEADER_BYTES <= size; count += 1) {
    if (count === MAX_BOXES) throw new MediaError('too_large', `the file has more than ${MAX_BOXES} boxes`);
    if (at + LONG_BOX_HEADER_BYTES > window.at + window.bytes.length)
      window = { at, bytes: await read(file, { at, bytes: Math.min(WINDOW_BYTES, size - at) }) };
    const box = readBox(window.bytes.subarray(at - window.at, at - window.at + LONG_BOX_HEADER_BYTES), size - at);
    if (count === 0 && !FIRST_BOXES.has(box?.type ?? ''))
      throw new MediaError('not_a_video', 'the file is no MP4 file');
    if (!box)
      throw new MediaError('not_a_video', 'the file ends before its contents do, or has a box of no possible length');
    if (box.type === 'moov' && !movie) {
      if (box.bytes > MAX_HEADER_BYTES) throw new MediaError('too_large', `a header of ${box.bytes} bytes is too long`);
      movie = await read(file, { at: at + box.headerBytes, bytes: box.bytes - box.headerBytes });
    }
    at += box.bytes;
  }
  return movie;
}

async function read(file: FileHandle, { at, bytes }: { at: number; bytes: number }): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, at);
  return buffer.subarray(0, bytesRead);
}

/** `undefined` where no box is, or one that is longer than what is left for it. */
function readBox(from: Buffer, bytesLeft: number): Box | undefined {
  if (from.length < BOX_HEADER_BYTES) return undefined;
  const type = from.toString('latin1', 4, 8);
  const short = from.readUInt32BE(0);
  if (short === 0) return { type, headerBytes: BOX_HEADER_BYTES, bytes: bytesLeft };
  if (short === 1 && from.length < LONG_BOX_HEADER_BYTES) return undefined;
  const headerBytes = short === 1 ? LONG_BOX_HEADER_BYTES : BOX_HEADER_BYTES;
  const bytes = short === 1 ? Number(from.readBigUInt64BE(8)) : short;
  return bytes >= headerBytes && bytes <= bytesLeft ? { type, headerBytes, bytes } : undefined;
}

function checkMovie(movie: Buffer, { maxFrames }: MediaLimits): void {
  const tracks = childrenOf(movie, 'trak');
  if (tracks.length > MAX_TRACKS) throw new MediaError('too_large', `the file has ${tracks.length} tracks`);
  for (const track of tracks) {
    for (const edits of childrenOf(track, 'edts')) checkTables(edits);
    for (const media of childrenOf(track, 'mdia')) {
      const isVideo = childrenOf(media, 'hdlr').some((handler) => handler.toString('latin1', 8, 12) === 'vide');
      for (const samples of childrenOf(media, 'minf').flatMap((information) => childrenOf(information, 'stbl'))) {
        checkTables(samples);
        // Where frames are shown in another order than they are written in, a reader lists and sorts them all.
        const isListed = isVideo || childrenOf(samples, 'ctts').length > 0;
        const frames = isListed ? countSamples(samples) : 0;
        if (frames > maxFrames) throw new MediaError('too_large', `a video of ${frames} frames is too long`);
      }
    }
  }
}

/** Bytes of the least entry of each table that says how many it has. */
const entryBytes = { stts: 8, ctts: 8, stss: 4, stsc: 12, stco: 4, co64: 8, elst: 12 };

function checkTables(parent: Buffer): void {
  for (const [type, bytes] of Object.entries(entryBytes)) {
    for (const table of childrenOf(parent, type)) checkEntries(table, { at: 4, bytes });
  }
  for (const sizes of childrenOf(parent, 'stsz')) {
    const areAllAlike = sizes.length >= 12 && sizes.readUInt32BE(4) > 0;
    checkEntries(sizes, { at: 8, bytes: areAllAlike ? 0 : 4 });
    for (const chunks of childrenOf(parent, 'stsc')) checkChunks(chunks, sizes.readUInt32BE(8));
  }
}

/** A reader counts through a whole chunk for each of its samples. */
function checkChunks(chunks: Buffer, samples: number): void {
  let before = 0;
  for (let at = 8; at + 12 <= chunks.length; at += 12) {
    const firstChunk = chunks.readUInt32BE(at);
    const samplesPerChunk = chunks.readUInt32BE(at + 4);
    if (firstChunk <= before || samplesPerChunk === 0 || samplesPerChunk > samples)
      throw new MediaError('not_a_video', 'the header says the impossible of where its samples are');
    before = firstChunk;
  }
}

function checkEntries(table: Buffer, { at, bytes }: { at: number; bytes: number }): void {
  const begin = at + 4;
  if (table.length >= begin && begin + table.readUInt32BE(at) * bytes <= table.length) return;
  throw new MediaError('not_a_video', 'a table in the header is shorter than it says');
}

/** The contents of each box of that type. */
function childrenOf(parent: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + BOX_HEADER_BYTES <= parent.length; ) {
    const box = readBox(parent.subarray(at, at + LONG_BOX_HEADER_BYTES), parent.length - at);
    if (!box) return found;
    if (box.type === type) found.push(parent.subarray(at + box.headerBytes, at + box.bytes));
    at += box.bytes;
  }
  return found;
}

/** As many as any of the tables claims: a reader believes one or the other. */
function countSamples(table: Buffer): number {
  const sizes = childrenOf(table, 'stsz').map((box) => (box.length >= 12 ? box.readUInt32BE(8) : 0));
  const runs = [...childrenOf(table, 'stts'), ...childrenOf(table, 'ctts')];
  return Math.max(0, ...sizes, ...runs.map(countRuns));
}

function countRuns(runs: Buffer): number {
  let samples = 0;
  for (let at = 8; at + 8 <= runs.length; at += 8) samples += runs.readUInt32BE(at);
  return samples;
}

import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const TOUCH_EVERY_MS = 5_000;
const STALE_AFTER_MS = 60_000;
const LOOK_EVERY_MS = 200;

/** Runs `work` while no other process does so under the same file. The lock of a process that died is taken over. */
export async function withLock(file, say, work) {
  let hasSaid = false;
  while (!take(file)) {
    const holder = holderOf(file);
    if (holder && !holder.isStale) {
      if (!hasSaid) say(`waiting for another setup of this clone (process ${holder.pid}) …`);
      hasSaid = true;
      await pause(LOOK_EVERY_MS);
    } else if (holder) removeStale(file, holder);
  }
  const touching = setInterval(() => utimesSync(file, new Date(), new Date()), TOUCH_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    rmSync(file, { force: true });
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Who has the lock; undefined when it was given back meanwhile. */
function holderOf(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    const isOld = Date.now() - statSync(file).mtimeMs > STALE_AFTER_MS;
    // A file that is still empty belongs to a process that is just writing it.
    return { pid, isStale: isOld || (pid > 0 && !isAlive(pid)) };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Only one of several waiting processes can rename the file away; the others find it gone, or another's, and try again. */
function removeStale(file, { pid }) {
  const aside = `${file}.${process.pid}`;
  try {
    if (Number(readFileSync(file, 'utf8')) !== pid) return;
    renameSync(file, aside);
    rmSync(aside, { force: true });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

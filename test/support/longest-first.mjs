const kinds = ['e2e', 'temporal', 'media', 'db'];

/** The fault slice takes as long as the next three together: whatever begins last runs beside nothing. */
const longest = /faults-slice|stack\.e2e|pipelines\.e2e/;

/** So that neither worker is left alone with a long file at the end. On a fresh machine jest knows of no run before and would go by size. */
export default class LongestFirst {
  sort(tests) {
    return [...tests].sort((one, other) => rankOf(one.path) - rankOf(other.path));
  }

  shard(tests) {
    return tests;
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}

function rankOf(path) {
  if (longest.test(path)) return -1;
  const kind = kinds.findIndex((name) => path.endsWith(`.${name}.test.ts`));
  return kind < 0 ? kinds.length : kind;
}

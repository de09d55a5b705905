import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { errorCatalogue } from '../../contract/errors.js';
import { findProjectRoot } from '../../runtime/root.js';

describe('docs/errors.md', () => {
  it('lists exactly the codes of the catalogue, with their statuses', () => {
    const document = readFileSync(join(findProjectRoot(), 'docs', 'errors.md'), 'utf8');

    const listed = [...document.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, code, status]) => `${code} ${status}`);

    const known = Object.entries(errorCatalogue).map(([code, { status }]) => `${code} ${status}`);
    expect(listed.toSorted()).toEqual(known.toSorted());
  });
});

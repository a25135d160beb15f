import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fixturePath } from '../../../../support/fixtures';
import { treeDigest } from '../../../../support/trees';

const read = (name: string) => readFileSync(fixturePath('forward', name), 'utf8');
const digests = JSON.parse(read('trees.json')) as Record<string, string>;

describe('sources are parsed to CPython’s own tree, every node, name, number and place', () => {
  for (const [name, digest] of Object.entries(digests)) {
    it(name, () => assert.equal(treeDigest(read(name), name), digest));
  }
});

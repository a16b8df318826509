import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compareAll } from './compare.ts';
import { renderTable, TABLE_FILE } from './table.ts';
import { DISPUTED, wptUrls } from './written/url.ts';

test('every case answers in a function as in Node, but for the known differences', async (t) => {
  const results = await compareAll();
  for (const { area, cases, disagreements } of results) {
    const unexplained = disagreements.filter(({ known }) => known === undefined);
    assert.deepEqual(unexplained.slice(0, 3), [], `${area}: ${unexplained.length} unexplained`);
    assert.ok(cases > 1_000, `${area} has ${cases} cases`);
  }
  await t.test('and the web-platform-tests agree on every URL of theirs', () => {
    const urls = wptUrls();
    assert.ok(urls.length >= 300, `${urls.length} URLs`);
    const parted = urls.filter(({ input, failure }) => URL.canParse(input) === (failure === true));
    assert.deepEqual(
      parted.map(({ input }) => input),
      DISPUTED,
    );
  });
  await t.test('and CONFORMANCE.md says so (write it with write-table.ts)', () => {
    const written = readFileSync(TABLE_FILE, 'utf8');
    assert.equal(written, renderTable(results, process.versions.node));
  });
});

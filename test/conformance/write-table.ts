import { writeFileSync } from 'node:fs';
import { compareAll } from './compare.ts';
import { renderTable, TABLE_FILE } from './table.ts';

/** Runs everything and writes the table anew; tells every difference that has no reason yet. */

const results = await compareAll(process.argv[2]);
for (const { area, cases, disagreements } of results) {
  const unexplained = disagreements.filter(({ known }) => known === undefined);
  console.log(`${area}: ${cases - disagreements.length} of ${cases}`);
  for (const { kind, input, node, ours } of unexplained.slice(0, 5)) {
    console.log(`  ${kind} ${JSON.stringify(input)}\n    Node ${JSON.stringify(node)}`);
    console.log(`    ours ${JSON.stringify(ours)}`);
  }
}
if (process.argv[2] === undefined) {
  writeFileSync(TABLE_FILE, renderTable(results, process.versions.node));
}

import type { AreaResult } from './compare.ts';
import { SEED } from './inputs.ts';
import { DIFFERENCES, type Difference } from './known-differences.ts';
import { LISTED } from './written/index.ts';
import { DISPUTED } from './written/url.ts';

const countOf = (kind: string): number =>
  Object.values(LISTED).reduce((sum, kinds) => sum + (kinds[kind]?.length ?? 0), 0);
const WPT_COUNT = countOf('wpt');
const LISTED_COUNT = countOf('written');

/** packages/builder/CONFORMANCE.md, as the results say it. */

export const TABLE_FILE = new URL('../../packages/builder/CONFORMANCE.md', import.meta.url);

const reasonsOf = (result: AreaResult): Difference[] => [
  ...new Set(result.disagreements.map(({ known }) => known).filter((it) => it !== undefined)),
];

export function renderTable(results: readonly AreaResult[], nodeVersion: string): string {
  const rows = results.map((result) => {
    const { area, cases, disagreements } = result;
    const same = cases - disagreements.length;
    const notes = reasonsOf(result).map((it) => DIFFERENCES.indexOf(it) + 1);
    return `| ${area} | ${same} | ${cases} | ${notes.join(', ')} |`;
  });
  const cases = results.reduce((sum, it) => sum + it.cases, 0);
  const same = results.reduce((sum, it) => sum + it.cases - it.disagreements.length, 0);
  const notes = DIFFERENCES.map(
    ({ area, kinds, reason }, at) => `${at + 1}. ${area}, ${kinds.join(', ')}: ${reason}`,
  );
  return `# Conformance of the JavaScript platform

Written by \`node test/conformance/write-table.ts\`; \`test/conformance/conformance.test.ts\` fails when it is not true. Do not edit.

Each case is an input generated from seed ${SEED}, or one of ${LISTED_COUNT} that were written by hand rule by rule (\`test/conformance/written\`), or a URL of the web-platform-tests' own \`urltestdata.json\` (${WPT_COUNT} of them, as far as npm has them; in ${DISPUTED.length} names of odd Punycode Node and functions part from that file), run through the same code in Node ${nodeVersion.split('.')[0]} (whose URL, encoding, fetch, streams and WebCrypto are tested against the web-platform-tests) and in a deployed function; both must come to the same answer, errors by their names included.

| area | same answer | cases | differences |
| --- | --- | --- | --- |
${rows.join('\n')}
| all | ${same} | ${cases} | |

## Known differences

${notes.join('\n')}

## What is not there

Legacy encodings of TextDecoder (utf-8, utf-16le, utf-16be, windows-1252 are there); \`unhandledrejection\` of every promise: the engine tells nobody of a promise that is rejected with no listener, so what is reported is what a handler throws, what \`ctx.waitUntil\` was given, errors in timers, listeners and streams, and the promises of calls that a statement drops (\`save();\`, \`void save()\`, \`list.forEach(async …)\`, where \`save\` is the name of an async function in the bundle, or a chain of \`then\`), not those put away in a variable and forgotten; in crypto.subtle the algorithms Ed448, X448, SHA-3, ML-KEM and ML-DSA, \`encapsulate\`, PBKDF2 of more than 200,000 iterations, RSA keys made longer than 2048 bits (imported ones go to 8192); WebSocket, caches, Worker, MessageChannel, URLPattern, Intl.
`;
}

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { SeededRandom } from '@popmesh/simulation';
import { ChunkStore } from './chunk-store.ts';

/** Fills the small disk it is given, frees some, goes on; prints what it saw. Run by the disk test. */

const directory = process.argv[2] ?? '';
const ballast = join(directory, 'ballast');
writeFileSync(ballast, new Uint8Array(1024 * 1024));
const store = await ChunkStore.open({ directory: join(directory, 'store'), clock: realClock });
const random = new SeededRandom(1);
let refusal: unknown;
const held: string[] = [];
while (refusal === undefined) {
  try {
    held.push(await store.put(random.bytes(100_000)));
  } catch (caught) {
    refusal = caught;
  }
}
const readable = await Promise.all(held.map((digest) => store.get(digest)));
rmSync(ballast);
const after = await store.put(random.bytes(100_000));
console.log(
  JSON.stringify({
    code: refusal instanceof PopmeshError ? refusal.code : String(refusal),
    reason: refusal instanceof PopmeshError ? refusal.details.reason : undefined,
    held: held.length,
    lost: readable.filter((bytes) => bytes === undefined).length,
    after: (await store.get(after)) !== undefined,
  }),
);

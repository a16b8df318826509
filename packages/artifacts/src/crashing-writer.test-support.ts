import { writeSync } from 'node:fs';
import { realClock } from '@popmesh/daemon';
import { SeededRandom } from '@popmesh/simulation';
import { ChunkStore } from './chunk-store.ts';

/** Writes chunks until it is killed; says each digest that was acknowledged. Run by the crash test. */

const [directory, seed] = process.argv.slice(2);
const store = await ChunkStore.open({ directory: directory ?? '', clock: realClock });
const random = new SeededRandom(Number(seed));
writeSync(1, 'ready\n');
for (;;) {
  const batch = Array.from({ length: 4 }, () => random.bytes(1 + random.integer(60_000)));
  await Promise.all(
    batch.map(async (bytes) => {
      const digest = await store.put(bytes);
      // Synchronous, so that what was said was said before the kill.
      writeSync(1, `${digest}\n`);
    }),
  );
}

import { once } from 'node:events';
import {
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib';
import type { Pipe } from './door.ts';

/**
 * CompressionStream's other side: one pipe through node:zlib into another. Each end waits for
 * the next, so a few bytes that stand for gigabytes take no more room than any others.
 */

/** At once in one instance; each holds up to 300 KB outside of the guest's memory. */
export const COMPRESSIONS_MAX = 16;

const STRICT = { rejectGarbageAfterEnd: true };
const FORMATS = new Map([
  ['gzip', () => createGzip()],
  ['deflate', () => createDeflate()],
  ['deflate-raw', () => createDeflateRaw()],
  ['un-gzip', () => createGunzip(STRICT)],
  ['un-deflate', () => createInflate(STRICT)],
  ['un-deflate-raw', () => createInflateRaw(STRICT)],
]);

type Zlib = ReturnType<typeof createGzip>;

export class Compressions {
  #running = 0;

  /** Undefined: no such format, or too many. The promise never rejects. */
  start(format: string, from: Pipe, to: Pipe): Promise<void> | undefined {
    const make = FORMATS.get(format);
    if (make === undefined || this.#running >= COMPRESSIONS_MAX) return undefined;
    this.#running++;
    return run(make() as Zlib, from, to).finally(() => {
      this.#running--;
    });
  }
}

async function run(zlib: Zlib, from: Pipe, to: Pipe): Promise<void> {
  const fed = feed(zlib, from);
  try {
    for await (const chunk of zlib) {
      // Cut loose from zlib's own buffer.
      if (!(await to.write(new Uint8Array(chunk as Buffer)))) break;
    }
    to.close();
  } catch (error) {
    to.close((error as Error).message || 'the data is malformed');
  } finally {
    from.cancel();
    zlib.destroy();
    await fed;
  }
}

async function feed(zlib: Zlib, from: Pipe): Promise<void> {
  try {
    for (;;) {
      const bytes = await from.read();
      if (bytes === undefined) break;
      if (zlib.destroyed) return;
      if (!zlib.write(bytes)) await Promise.race([once(zlib, 'drain'), once(zlib, 'close')]);
    }
    zlib.end();
  } catch (error) {
    zlib.destroy(error as Error);
  }
}

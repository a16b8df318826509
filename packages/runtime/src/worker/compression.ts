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
 *
 * zlib works on libuv's threads, where no clock tells whose time it was. So it is charged by the
 * byte, at what a byte costs here at the most. Refused: zlib's synchronous calls, which would count
 * by themselves, because they know no stream; and the time a chunk takes, which on full cores is
 * the neighbours' too.
 */

/** At once in one instance; each holds up to 300 KB outside of the guest's memory. */
export const COMPRESSIONS_MAX = 16;

/**
 * Nanoseconds of a byte at level 6. Deflate, by what goes in: 26 for WebAssembly, 19 for noise, 15
 * for text, 2 for zeros. Inflate, by what comes out: 2.9 for text, 1.2 for noise, 0.5 for zeros.
 */
export const COMPRESSION_COST = { deflateNsPerByteIn: 25, inflateNsPerByteOut: 3 } as const;

/** Takes microseconds of another thread. */
export type Charge = (micros: number) => void;

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
  readonly #charge: Charge;
  #running = 0;

  constructor(charge: Charge) {
    this.#charge = charge;
  }

  /** Undefined: no such format, or too many. The promise never rejects. */
  start(format: string, from: Pipe, to: Pipe): Promise<void> | undefined {
    const make = FORMATS.get(format);
    if (make === undefined || this.#running >= COMPRESSIONS_MAX) return undefined;
    this.#running++;
    const inflates = format.startsWith('un-');
    return run(make() as Zlib, from, to, new Meter(this.#charge, inflates)).finally(() => {
      this.#running--;
    });
  }
}

/** Bytes into microseconds, what is left over kept for the next. */
class Meter {
  readonly #charge: Charge;
  readonly #inflates: boolean;
  #owedNs = 0;

  constructor(charge: Charge, inflates: boolean) {
    this.#charge = charge;
    this.#inflates = inflates;
  }

  in(bytes: number): void {
    if (!this.#inflates) this.#add(bytes * COMPRESSION_COST.deflateNsPerByteIn);
  }

  out(bytes: number): void {
    if (this.#inflates) this.#add(bytes * COMPRESSION_COST.inflateNsPerByteOut);
  }

  #add(ns: number): void {
    this.#owedNs += ns;
    const micros = Math.floor(this.#owedNs / 1_000);
    this.#owedNs -= micros * 1_000;
    if (micros > 0) this.#charge(micros);
  }
}

async function run(zlib: Zlib, from: Pipe, to: Pipe, meter: Meter): Promise<void> {
  const fed = feed(zlib, from, meter);
  try {
    for await (const chunk of zlib) {
      meter.out((chunk as Buffer).length);
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

async function feed(zlib: Zlib, from: Pipe, meter: Meter): Promise<void> {
  try {
    for (;;) {
      const bytes = await from.read();
      if (bytes === undefined) break;
      if (zlib.destroyed) return;
      meter.in(bytes.length);
      if (!zlib.write(bytes)) await drained(zlib);
    }
    zlib.end();
  } catch (error) {
    zlib.destroy(error as Error);
  }
}

/** It takes more, or never again. Two listeners that go together: a stream has many chunks. */
const drained = (zlib: Zlib): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      zlib.off('drain', done);
      zlib.off('close', done);
      resolve();
    };
    zlib.on('drain', done);
    zlib.on('close', done);
  });

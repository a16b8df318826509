import type { Pipe } from './door.ts';

/**
 * Bytes between two ends in one thread, bounded: a writer waits while the buffer is above
 * its bound. Has a waiting form (`read`) and the guest's two-step form (`ready`, `take`),
 * because the component model lowers bytes in a future one by one. Refused: WHATWG streams,
 * about ten promises per chunk.
 */

export class PipeBroken extends Error {
  override readonly name = 'PipeBroken';
}

export type PipeState = 'open' | 'ended' | 'broken' | 'cancelled';

export interface PipeHooks {
  /** The reader took this many bytes: credit for whoever fills the pipe from afar. */
  onConsumed?(bytes: number): void;
  onCancelled?(): void;
}

export class BytePipe implements Pipe {
  readonly #bufferBytesMax: number;
  readonly #hooks: PipeHooks;
  readonly #chunks: Uint8Array[] = [];
  #bufferedBytes = 0;
  trailers: string | undefined = undefined;
  #state: PipeState = 'open';
  #error = '';
  #readers: (() => void)[] = [];
  #writers: (() => void)[] = [];

  constructor(bufferBytesMax: number, hooks: PipeHooks = {}) {
    this.#bufferBytesMax = bufferBytesMax;
    this.#hooks = hooks;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Puts bytes in without waiting; for a sender that is bounded by credit. False: reader gone. */
  push(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return this.#state !== 'cancelled';
    if (bytes.length > 0) {
      this.#chunks.push(bytes);
      this.#bufferedBytes += bytes.length;
      this.#wake('readers');
    }
    return true;
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    if (!this.push(bytes)) return false;
    while (this.#state === 'open' && this.#bufferedBytes > this.#bufferBytesMax) {
      await new Promise<void>((resolve) => this.#writers.push(resolve));
    }
    return this.#state !== 'cancelled';
  }

  close(error = '', trailers?: string): void {
    if (this.#state !== 'open') return;
    if (trailers !== undefined && trailers !== '') this.trailers = trailers;
    this.#state = error === '' ? 'ended' : 'broken';
    this.#error = error;
    if (this.#state === 'broken') this.#drop();
    this.#wake('readers');
    this.#wake('writers');
  }

  cancel(): void {
    if (this.#state === 'cancelled') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'cancelled';
    this.#drop();
    this.#wake('readers');
    this.#wake('writers');
    if (wasOpen) this.#hooks.onCancelled?.();
  }

  /** 1: bytes are there, 0: the clean end, 2: broken (or cancelled). */
  async ready(): Promise<0 | 1 | 2> {
    for (;;) {
      if (this.#chunks.length > 0) return 1;
      if (this.#state === 'ended') return 0;
      if (this.#state !== 'open') return 2;
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
  }

  /** What is there, at most `bytesMax`; empty when nothing is. */
  take(bytesMax: number): Uint8Array {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return new Uint8Array(0);
    let out = chunk;
    if (chunk.length > bytesMax) {
      out = chunk.subarray(0, bytesMax);
      this.#chunks[0] = chunk.subarray(bytesMax);
    } else this.#chunks.shift();
    this.#bufferedBytes -= out.length;
    if (this.#bufferedBytes <= this.#bufferBytesMax) this.#wake('writers');
    this.#hooks.onConsumed?.(out.length);
    return out;
  }

  async read(): Promise<Uint8Array | undefined> {
    const state = await this.ready();
    if (state === 1) return this.take(Number.POSITIVE_INFINITY);
    if (state === 0) return undefined;
    throw new PipeBroken(this.#error || 'the pipe was cancelled');
  }

  #drop(): void {
    this.#chunks.length = 0;
    this.#bufferedBytes = 0;
  }

  #wake(side: 'readers' | 'writers'): void {
    const waiting = side === 'readers' ? this.#readers : this.#writers;
    if (waiting.length === 0) return;
    if (side === 'readers') this.#readers = [];
    else this.#writers = [];
    for (const resolve of waiting) resolve();
  }
}

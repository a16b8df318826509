import { type RingAtomics, type RingMemory, RingWriter } from './byte-ring.ts';
import type { Posted } from './inbox.ts';

/**
 * The sending end between two threads (see Inbox). What fits is written into the ring at once;
 * the rest is collected into one message per turn of the event loop, and everything after it
 * goes the same way until that message has left, so that the order holds. The other side is
 * woken once per turn, and only if it sleeps.
 */

export interface OutboxOptions {
  readonly ring: RingMemory;
  readonly post: (message: Posted, transfer: ArrayBuffer[]) => void;
  /** Runs its argument at the end of the turn (`setImmediate` in the entry files). */
  readonly schedule: (run: () => void) => void;
  readonly atomics?: RingAtomics;
}

export class Outbox {
  readonly #options: OutboxOptions;
  /** Where the record reserved last is to be written. */
  readonly writer: RingWriter;
  #batch: Posted = [];
  #transfer: ArrayBuffer[] = [];
  #posted = 0;
  #scheduled = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.writer = new RingWriter(options.ring, options.atomics);
  }

  /** Where a record of up to so many bytes may be written; -1: send it with `push`. */
  reserve(bytesMax: number): number {
    return this.#batch.length > 0 ? -1 : this.writer.reserve(bytesMax);
  }

  commit(bytes: number): void {
    this.writer.commit(bytes, this.#posted);
    this.#turnSoon();
  }

  push(...fields: unknown[]): void {
    if (this.#batch.length === 0) this.#batch.push(this.writer.written);
    for (const field of fields) this.#batch.push(field);
    this.#turnSoon();
  }

  /** Bytes the caller gives away: moved when they fill their buffer, copied otherwise. */
  pushBytes(operation: number, id: number, bytes: Uint8Array): void {
    if (bytes.length >= TRANSFER_BYTES_MIN && bytes.length === bytes.buffer.byteLength) {
      this.#transfer.push(bytes.buffer as ArrayBuffer);
    }
    this.push(operation, id, bytes);
  }

  #turnSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /** Sends what waits and wakes the other side, now rather than at the end of the turn. */
  flush(): void {
    if (this.#batch.length > 0) {
      const batch = this.#batch;
      const transfer = this.#transfer;
      this.#batch = [];
      this.#transfer = [];
      this.#posted = (this.#posted + 1) | 0;
      this.#options.post(batch, transfer);
    } else if (this.writer.takeSleeper()) this.#options.post([], []);
  }
}

/** Below this a copy is cheaper than detaching a buffer. */
const TRANSFER_BYTES_MIN = 16_384;

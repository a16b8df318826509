import type { Batch } from './wire.ts';

/**
 * Collects operations of one event-loop turn into one message. Used at both ends.
 * `schedule` runs its argument at the end of the turn (`setImmediate` in the entry files).
 */
export class Outbox {
  readonly #post: (batch: Batch, transfer: ArrayBuffer[]) => void;
  readonly #schedule: (run: () => void) => void;
  readonly #mayPost: () => boolean;
  #batch: Batch = [];
  #transfer: ArrayBuffer[] = [];
  #scheduled = false;

  constructor(
    post: (batch: Batch, transfer: ArrayBuffer[]) => void,
    schedule: (run: () => void) => void,
    /** Asked at the end of a turn; after a no, `flushSoon` is called when things have changed. */
    mayPost: () => boolean = () => true,
  ) {
    this.#post = post;
    this.#schedule = schedule;
    this.#mayPost = mayPost;
  }

  push(...fields: unknown[]): void {
    for (const field of fields) this.#batch.push(field);
    this.flushSoon();
  }

  /** Bytes the caller gives away: moved when they fill their buffer, copied otherwise. */
  pushBytes(operation: number, id: number, bytes: Uint8Array): void {
    if (bytes.length >= TRANSFER_BYTES_MIN && bytes.length === bytes.buffer.byteLength) {
      this.#transfer.push(bytes.buffer as ArrayBuffer);
    }
    this.push(operation, id, bytes);
  }

  /** At the end of the turn, when something waits. */
  flushSoon(): void {
    if (this.#batch.length === 0 || this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.flush);
  }

  /** True when something was sent. */
  readonly flush = (): boolean => {
    this.#scheduled = false;
    if (this.#batch.length === 0 || !this.#mayPost()) return false;
    const batch = this.#batch;
    const transfer = this.#transfer;
    this.#batch = [];
    this.#transfer = [];
    this.#post(batch, transfer);
    return true;
  };
}

/** Below this a copy is cheaper than detaching a buffer. */
const TRANSFER_BYTES_MIN = 16_384;

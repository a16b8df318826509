/**
 * Records of bytes from one thread to another through shared memory: one writer, one reader,
 * no lock, no system call. A record lies in one piece, so that strings are written to and read
 * from it in place; what is left at the end of the memory is skipped. Refused: `postMessage` per
 * batch, whose structured clone was a third of the HTTP thread's time; `Atomics.wait`, because no
 * thread of an executor may block.
 *
 * Guests cannot reach this memory. What is read is checked all the same, since a length that is
 * wrong here would put one request's bytes into another's answer.
 */

export const RING_LIMITS = {
  /** Of one direction of one slot; more in flight goes by message. A power of two. */
  bytes: 128 * 1024,
  /** Of one record; larger ones go by message. */
  recordBytesMax: 32 * 1024,
} as const;

/** The cells, each in a cache line of its own (64 bytes), and the records after them. */
export const RING_CELL = {
  /** Bytes ever written, wrapping at 32 bits. Stored by the writer. */
  written: 0,
  /** Bytes ever read, wrapping at 32 bits. Stored by the reader. */
  read: 16,
  /** 1 while the reader sleeps and wants to be woken. */
  asleep: 32,
} as const;

const CELLS_BYTES = 256;
/** Length of the record with this header, then `after` (see Inbox). */
const HEADER_BYTES = 8;
/** In place of a length: the next record is at the beginning. */
const SKIP = -1;

/**
 * What every Buffer has and its types leave out: a quarter of the cost of `toString` and `write`,
 * which look the encoding up and check their arguments first.
 */
export interface RawBuffer extends Buffer<ArrayBufferLike> {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  /** The bytes written. */
  latin1Write(text: string, at: number): number;
  utf8Write(text: string, at: number): number;
}

/** What stands in shared memory cannot be: nothing after it can be trusted either. */
export class RingBroken extends Error {
  override readonly name = 'RingBroken';
}

/** The atomic operations in use; tests put others between them. */
export type RingAtomics = Pick<typeof Atomics, 'load' | 'store' | 'exchange'>;

export type RingMemory = SharedArrayBuffer;

export const createRing = (bytes: number = RING_LIMITS.bytes): RingMemory =>
  new SharedArrayBuffer(CELLS_BYTES + bytes);

/** One thread's view of a ring. */
class RingView {
  readonly cells: Int32Array<SharedArrayBuffer>;
  /** The records, as bytes and as words. */
  readonly bytes: RawBuffer;
  readonly words: Int32Array<SharedArrayBuffer>;
  protected readonly capacity: number;
  protected readonly atomics: RingAtomics;

  constructor(memory: RingMemory, atomics: RingAtomics) {
    this.capacity = memory.byteLength - CELLS_BYTES;
    if (this.capacity <= 0 || (this.capacity & (this.capacity - 1)) !== 0) {
      throw new Error('the size of a ring is a power of two');
    }
    this.cells = new Int32Array(memory, 0, CELLS_BYTES / 4);
    this.words = new Int32Array(memory, CELLS_BYTES);
    this.bytes = Buffer.from(memory, CELLS_BYTES) as unknown as RawBuffer;
    this.atomics = atomics;
  }
}

export class RingWriter extends RingView {
  #written = 0;
  /** What the reader had read when this was last looked at. */
  #read = 0;
  /** Where the reserved record begins. */
  #at = 0;
  #skipped = 0;

  constructor(memory: RingMemory, atomics: RingAtomics = Atomics) {
    super(memory, atomics);
  }

  get written(): number {
    return this.#written;
  }

  /**
   * Room for a record of up to so many bytes: where in `bytes` it is to be written, or -1 where
   * it does not fit. Nothing is sent before `commit`, and a later `reserve` takes its place.
   */
  reserve(payloadBytesMax: number): number {
    const size = HEADER_BYTES + ((payloadBytesMax + 3) & ~3);
    if (size > RING_LIMITS.recordBytesMax) return -1;
    const at = this.#written & (this.capacity - 1);
    const toEnd = this.capacity - at;
    const skipped = size > toEnd ? toEnd : 0;
    if (!this.#hasRoom(size + skipped)) return -1;
    this.#skipped = skipped;
    this.#at = skipped > 0 ? 0 : at;
    return this.#at + HEADER_BYTES;
  }

  /** Sends what was written at the reserved place. */
  commit(payloadBytes: number, after: number): void {
    const size = HEADER_BYTES + ((payloadBytes + 3) & ~3);
    if (this.#skipped > 0) this.words[(this.#written & (this.capacity - 1)) >> 2] = SKIP;
    this.words[this.#at >> 2] = size;
    this.words[(this.#at >> 2) + 1] = after;
    this.#written = (this.#written + this.#skipped + size) | 0;
    this.#skipped = 0;
    this.atomics.store(this.cells, RING_CELL.written, this.#written);
  }

  /** True when the reader slept; it counts as awake from here, so the caller wakes it. */
  takeSleeper(): boolean {
    if (this.atomics.load(this.cells, RING_CELL.asleep) === 0) return false;
    return this.atomics.exchange(this.cells, RING_CELL.asleep, 0) === 1;
  }

  #hasRoom(bytes: number): boolean {
    if (((this.#written - this.#read) | 0) + bytes <= this.capacity) return true;
    this.#read = this.atomics.load(this.cells, RING_CELL.read);
    return ((this.#written - this.#read) | 0) + bytes <= this.capacity;
  }
}

export class RingReader extends RingView {
  #read = 0;
  #written = 0;
  /** Where the present record's payload begins in `bytes`, and its length rounded up to words. */
  at = 0;
  length = 0;
  /** Of the present record, see Inbox. */
  after = 0;
  #size = 0;

  constructor(memory: RingMemory, atomics: RingAtomics = Atomics) {
    super(memory, atomics);
  }

  get position(): number {
    return this.#read;
  }

  /** Looks at the next record, which stays until `release`; false when there is none. */
  peek(): boolean {
    if (this.#read === this.#written) {
      this.#written = this.atomics.load(this.cells, RING_CELL.written);
      if (this.#read === this.#written) return false;
    }
    let at = this.#read & (this.capacity - 1);
    let skipped = 0;
    if (this.words[at >> 2] === SKIP) {
      skipped = this.capacity - at;
      at = 0;
    }
    const size = this.words[at >> 2] as number;
    const sent = (this.#written - this.#read) | 0;
    const whole = size >= HEADER_BYTES && (size & 3) === 0 && skipped + size <= sent;
    if (!whole || sent > this.capacity || size > RING_LIMITS.recordBytesMax) {
      throw new RingBroken('a ring between threads holds no whole record');
    }
    this.#size = skipped + size;
    this.at = at + HEADER_BYTES;
    this.length = size - HEADER_BYTES;
    this.after = this.words[(at >> 2) + 1] as number;
    return true;
  }

  /** Gives the present record's memory back to the writer. */
  release(): void {
    this.#read = (this.#read + this.#size) | 0;
    this.atomics.store(this.cells, RING_CELL.read, this.#read);
  }

  /** Says that this side sleeps; false when something came meanwhile and it must not. */
  fallAsleep(): boolean {
    this.atomics.store(this.cells, RING_CELL.asleep, 1);
    if (this.atomics.load(this.cells, RING_CELL.written) === this.#read) return true;
    this.wakeUp();
    return false;
  }

  /** Says that this side is awake and will look by itself. */
  wakeUp(): void {
    this.atomics.store(this.cells, RING_CELL.asleep, 0);
  }
}

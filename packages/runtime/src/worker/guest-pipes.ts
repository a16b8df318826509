import type { Pipe } from './door.ts';
import type { Settle } from './function-host.ts';
import { BytePipe } from './pipes.ts';

/** The pipes of one instance, by the numbers that the guest knows them by. */

export const PIPE_LIMITS = {
  pipesMax: 1_024,
  takeBytesMax: 65_536,
  /** In all pipes of an instance, before one more write that has to wait: it may be of any size. */
  heldBytesMax: 128 * 1024 * 1024,
} as const;

/** Pipes with the guest's two-step reading; all of ours have it. */
export interface GuestPipe extends Pipe {
  ready(): Promise<0 | 1 | 2>;
  take(bytesMax: number): Uint8Array;
}

interface Entry {
  readonly pipe: GuestPipe;
  reading: boolean;
  writing: boolean;
}

/** Answers of `pipe-ready` and `pipe-write`. */
const WAIT = 3;
/** 0 and 1 say something else where a request's body is told. */
const FIRST_NUMBER = 2;

export class GuestPipes {
  readonly #entries = new Map<number, Entry>();
  readonly #create: () => Pipe;
  readonly #settle: Settle;
  readonly #owner: () => number;
  readonly #bufferBytes: () => number;
  #next = FIRST_NUMBER;

  constructor(create: () => Pipe, bufferBytes: () => number, settle: Settle, owner: () => number) {
    this.#create = create;
    this.#bufferBytes = bufferBytes;
    this.#settle = settle;
    this.#owner = owner;
  }

  create(): GuestPipe {
    return this.#create() as GuestPipe;
  }

  add(pipe: GuestPipe): number {
    if (this.#entries.size >= PIPE_LIMITS.pipesMax) throw new Error('too many pipes');
    const number = this.#next++;
    this.#entries.set(number, { pipe, reading: false, writing: false });
    return number;
  }

  get(number: number): GuestPipe | undefined {
    return this.#entries.get(number)?.pipe;
  }

  remove(number: number): void {
    this.#entries.delete(number);
  }

  readonly open = (): number => this.add(this.create());

  readonly write = (wait: number, number: number, bytes: Uint8Array): number => {
    const entry = this.#entries.get(number);
    if (entry === undefined) return 0;
    if (entry.writing) throw new Error('one write at a time per pipe');
    const { pipe } = entry;
    if (pipe instanceof BytePipe && pipe.bufferedBytes + bytes.length <= this.#bufferBytes()) {
      return pipe.push(bytes) ? 1 : 0;
    }
    // Its bytes lie outside of the guest's memory from now on, once for each pipe.
    if (this.#heldBytes() > PIPE_LIMITS.heldBytesMax) {
      throw new Error(`the pipes hold more than ${PIPE_LIMITS.heldBytesMax} bytes`);
    }
    entry.writing = true;
    const owner = this.#owner();
    pipe.write(bytes).then(
      (open) => this.#wrote(entry, wait, open ? 1 : 0, owner),
      () => this.#wrote(entry, wait, 0, owner),
    );
    return WAIT;
  };

  #heldBytes(): number {
    let bytes = 0;
    for (const { pipe } of this.#entries.values()) {
      if (pipe instanceof BytePipe) bytes += pipe.bufferedBytes;
    }
    return bytes;
  }

  #wrote(entry: Entry, wait: number, answer: number, owner: number): void {
    entry.writing = false;
    this.#settle(wait, answer, owner);
  }

  readonly close = (number: number, error: string): void => {
    this.#entries.get(number)?.pipe.close(error);
  };

  readonly ready = (wait: number, number: number): number => {
    const entry = this.#entries.get(number);
    if (entry === undefined) return 2;
    if (entry.reading) throw new Error('one wait at a time per pipe');
    const { pipe } = entry;
    if (pipe instanceof BytePipe && pipe.bufferedBytes > 0) return 1;
    entry.reading = true;
    const owner = this.#owner();
    pipe.ready().then(
      (state) => this.#isReady(entry, wait, number, state, owner),
      () => this.#isReady(entry, wait, number, 2, owner),
    );
    return WAIT;
  };

  #isReady(entry: Entry, wait: number, number: number, state: number, owner: number): void {
    entry.reading = false;
    if (state !== 1) this.#entries.delete(number);
    this.#settle(wait, state, owner);
  }

  readonly take = (number: number): Uint8Array =>
    this.#entries.get(number)?.pipe.take(PIPE_LIMITS.takeBytesMax) ?? new Uint8Array(0);

  readonly cancel = (number: number): void => {
    this.#entries.get(number)?.pipe.cancel();
    this.#entries.delete(number);
  };

  dispose(): void {
    for (const { pipe } of this.#entries.values()) {
      pipe.close('the instance ended');
      pipe.cancel();
    }
    this.#entries.clear();
  }
}

import type { Body, Pipe } from '../worker/door.ts';
import { WASI_LIMITS } from './limits.ts';
import type { Sink } from './output-stream.ts';
import type { OutputTotal } from './output-total.ts';
import { Waiters } from './readiness.ts';

/**
 * The bytes of an outgoing body. They gather here until somebody decides how the message
 * leaves: whole (`takeAll`, when the guest finished quickly: one piece, no pipe) or streaming
 * (`attach`). Afterwards every write goes on to the pipe, one in flight, with the rest held
 * up to the buffer bound; a full buffer makes the guest wait.
 */
export class BodySink implements Sink {
  readonly #waiters = new Waiters();
  readonly #total: OutputTotal | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #written = 0;
  #pipe: Pipe | undefined;
  #pumping = false;
  #flushing = false;
  #finished = false;
  #state: 'open' | 'closed' | 'broken' = 'open';
  #failure = '';
  #trailers = '';
  /** Content-length, when the message promised one. */
  #expected: number | undefined;
  /** Called when the body is full, finished or failed before it is attached. */
  onDecisive: (() => void) | undefined;

  constructor(expected: number | undefined, total?: OutputTotal) {
    this.#expected = expected;
    this.#total = total;
  }

  get state(): 'open' | 'closed' | 'broken' {
    return this.#state;
  }
  get failure(): string {
    return this.#failure;
  }
  get written(): number {
    return this.#written;
  }
  get finished(): boolean {
    return this.#finished;
  }
  get expected(): number | undefined {
    return this.#expected;
  }
  /** Fields behind the body, as lines. */
  get trailers(): string {
    return this.#trailers;
  }
  /** As long as it promised to be, and not broken. */
  get isWhole(): boolean {
    if (this.#state === 'broken') return false;
    return this.#expected === undefined || this.#written === this.#expected;
  }

  /** A response to HEAD, or 304: content-length speaks of a body that is not sent. */
  expectNothing(): void {
    this.#expected = undefined;
  }

  budget(): number {
    if (this.#state !== 'open' || this.#flushing) return 0;
    return WASI_LIMITS.outputBufferBytes - this.#held;
  }

  ready(): boolean {
    return this.#state !== 'open' || this.budget() > 0;
  }

  add(wake: () => void): void {
    this.#waiters.add(wake);
  }

  remove(wake: () => void): void {
    this.#waiters.remove(wake);
  }

  write(bytes: Uint8Array): void {
    this.#written += bytes.length;
    if (this.#expected !== undefined && this.#written > this.#expected) {
      this.fail(`body is longer than its content-length of ${this.#expected}`);
      return;
    }
    this.#chunks.push(bytes);
    this.#hold(this.#held + bytes.length);
    if (this.#pipe !== undefined) this.#pump();
    else if (this.#held >= WASI_LIMITS.outputBufferBytes) this.onDecisive?.();
  }

  flush(): void {
    // Before the head is out, holding the bytes for `headHoldMs` counts as delivery.
    if (this.#pipe !== undefined && this.#held > 0) this.#flushing = true;
  }

  /** False when the length differs from the promise; the reader then sees a broken body. */
  finish(trailers = ''): boolean {
    if (this.#state === 'broken') return false;
    if (this.#expected !== undefined && this.#written !== this.#expected) {
      this.fail(`body of ${this.#written} bytes, content-length was ${this.#expected}`);
      return false;
    }
    this.#finished = true;
    this.#trailers = trailers;
    this.#state = 'closed';
    if (this.#pipe !== undefined) this.#pump();
    this.onDecisive?.();
    return true;
  }

  /** Ends the body as broken; harmless after the end. */
  fail(message: string): void {
    if (this.#finished || this.#state === 'broken') return;
    this.#state = 'broken';
    this.#failure = message;
    this.#chunks = [];
    this.#hold(0);
    this.#pipe?.close(message);
    this.onDecisive?.();
    this.#waiters.notify();
  }

  /** The message that it belongs to will not be sent. */
  abandon(): void {
    this.fail('the function dropped the message');
    this.#chunks = [];
    this.#hold(0);
  }

  /** Whole body, only when `finished`; one with trailers has to be attached. */
  takeAll(): Body {
    const bytes = concat(this.#chunks, this.#held);
    this.#chunks = [];
    this.#hold(0);
    return bytes.length === 0 ? { kind: 'none' } : { kind: 'bytes', bytes };
  }

  attach(pipe: Pipe): Body {
    this.#pipe = pipe;
    if (this.#state === 'broken') pipe.close(this.#failure);
    else this.#pump();
    return {
      kind: 'pipe',
      pipe,
      ...(this.#expected === undefined ? {} : { lengthBytes: this.#expected }),
    };
  }

  #hold(bytes: number): void {
    const by = bytes - this.#held;
    this.#held = bytes;
    this.#total?.change(by);
  }

  #pump(): void {
    const pipe = this.#pipe;
    if (pipe === undefined || this.#pumping) return;
    if (this.#held === 0) {
      if (this.#finished) {
        if (this.#trailers !== '') pipe.trailers = this.#trailers;
        pipe.close();
      }
      return;
    }
    this.#pumping = true;
    const bytes = concat(this.#chunks, this.#held);
    this.#chunks = [];
    pipe.write(bytes).then(
      (more) => this.#pumped(bytes.length, more),
      () => this.#pumped(bytes.length, false),
    );
  }

  #pumped(length: number, more: boolean): void {
    this.#pumping = false;
    if (this.#state === 'broken') return;
    this.#hold(this.#held - length);
    if (!more) {
      this.#chunks = [];
      this.#hold(0);
      this.#state = 'closed';
    } else this.#pump();
    if (this.#held === 0) this.#flushing = false;
    this.#waiters.notify();
  }
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first;
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

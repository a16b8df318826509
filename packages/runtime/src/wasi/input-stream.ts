import type { Body, Pipe } from '../worker/door.ts';
import type { Tagged } from './http-method.ts';
import { WASI_LIMITS } from './limits.ts';
import { BetweenBytesTimeout } from './patient-pipe.ts';
import { Pollable } from './pollable.ts';
import type { Lifetime, Source } from './readiness.ts';
import { Waiters } from './readiness.ts';
import { CLOSED, failed, ok, type Result, type StreamError } from './result.ts';

const TIMED_OUT: Tagged = Object.freeze({ tag: 'connection-read-timeout' });
const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/**
 * `wasi:io/streams` input-stream over a body. At most one chunk of a pipe is held here, so
 * what the guest does not read stays at the sender. Pulling begins with the first read or
 * subscription, not before.
 */
export class InputStream implements Source {
  readonly #lifetime: Lifetime;
  readonly #waiters = new Waiters();
  #chunk: Uint8Array = NOTHING;
  #pipe: Pipe | undefined;
  #pulling = false;
  /** What is still to come is for nobody. */
  #draining = false;
  #trailers = '';
  #broken = false;
  #failure: string | undefined;
  #failureCode: Tagged | undefined;

  constructor(lifetime: Lifetime, body: Body) {
    this.#lifetime = lifetime;
    if (body.kind === 'bytes') this.#chunk = body.bytes;
    else if (body.kind === 'text') this.#chunk = encoder.encode(body.text);
    else if (body.kind === 'pipe') this.#pipe = body.pipe;
  }

  read(length: bigint): Result<Uint8Array, StreamError> {
    const limit = readLimit(length);
    if (this.#chunk.length > 0) return ok(this.#take(limit));
    if (this.#failure !== undefined) {
      const failure = failed(this.#failure, this.#failureCode);
      this.#failure = undefined;
      return failure;
    }
    if (this.#pipe === undefined) return CLOSED;
    this.#pull();
    return ok(NOTHING);
  }

  async blockingRead(length: bigint): Promise<Result<Uint8Array, StreamError>> {
    this.#lifetime.check();
    // A length of 0 asks nothing; waiting for it would be for ever on a quiet peer.
    if (length > 0n && !this.ready()) await this.#lifetime.wait([this]);
    return this.read(length);
  }

  skip(length: bigint): Result<bigint, StreamError> {
    const result = this.read(length);
    return result.tag === 'ok' ? ok(BigInt(result.val.length)) : result;
  }

  async blockingSkip(length: bigint): Promise<Result<bigint, StreamError>> {
    const result = await this.blockingRead(length);
    return result.tag === 'ok' ? ok(BigInt(result.val.length)) : result;
  }

  subscribe(): Pollable {
    this.#pull();
    return new Pollable(this, this.#lifetime);
  }

  ready(): boolean {
    return this.#chunk.length > 0 || this.#pipe === undefined;
  }

  add(wake: () => void): void {
    this.#waiters.add(wake);
    this.#pull();
  }

  remove(wake: () => void): void {
    this.#waiters.remove(wake);
  }

  /** Reads on to the end for what comes behind it; the bytes are dropped. */
  drain(): void {
    this.#draining = true;
    this.#chunk = NOTHING;
    this.#pull();
  }

  /** How it ended; undefined while there is more to come. */
  get end(): { readonly broken: boolean; readonly trailers: string } | undefined {
    if (this.#pipe !== undefined) return undefined;
    return { broken: this.#broken, trailers: this.#trailers };
  }

  /** The reader wants no more. */
  close(): void {
    const pipe = this.#pipe;
    this.#pipe = undefined;
    this.#chunk = NOTHING;
    if (pipe !== undefined) this.#broken = true;
    pipe?.cancel();
    this.#waiters.notify();
  }

  /** The other end broke, or the client is gone. */
  fail(message: string): void {
    if (this.#pipe === undefined && this.#chunk.length === 0) return;
    this.#failure = message;
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(limit: number): Uint8Array {
    const chunk = this.#chunk;
    if (chunk.length <= limit) {
      this.#chunk = NOTHING;
      return chunk;
    }
    this.#chunk = chunk.subarray(limit);
    return chunk.subarray(0, limit);
  }

  #pull(): void {
    const pipe = this.#pipe;
    if (pipe === undefined || this.#pulling || this.#chunk.length > 0) return;
    this.#pulling = true;
    pipe.read().then(
      (bytes) => {
        this.#pulling = false;
        if (this.#pipe === undefined) return;
        if (bytes === undefined) {
          this.#pipe = undefined;
          this.#trailers = pipe.trailers ?? '';
        } else if (this.#draining) {
          this.#pull();
          return;
        } else this.#chunk = bytes;
        this.#waiters.notify();
      },
      (error: unknown) => {
        this.#pulling = false;
        if (this.#pipe === undefined) return;
        this.#pipe = undefined;
        this.#broken = true;
        this.#failure = error instanceof Error ? error.message : String(error);
        this.#failureCode = error instanceof BetweenBytesTimeout ? TIMED_OUT : undefined;
        this.#waiters.notify();
      },
    );
  }
}

function readLimit(length: bigint): number {
  if (typeof length !== 'bigint') throw new TypeError('input-stream: the length is not a u64');
  return length > WASI_LIMITS.readBytes ? WASI_LIMITS.readBytes : Number(length);
}

import { InputStream } from './input-stream.ts';
import { WASI_LIMITS } from './limits.ts';
import { Pollable } from './pollable.ts';
import type { Lifetime, Source } from './readiness.ts';
import { CLOSED, failed, OK, ok, type Result, type StreamError } from './result.ts';

/** Where an output stream's bytes go. Ready when writable, or when writing can only fail. */
export interface Sink extends Source {
  /** `closed` and `broken` refuse every write. */
  readonly state: 'open' | 'closed' | 'broken';
  readonly failure: string;
  /** Bytes that may be written now. */
  budget(): number;
  /** Takes ownership; never more than `budget()`. */
  write(bytes: Uint8Array): void;
  /** Asks for delivery; until it has happened the budget is 0. */
  flush(): void;
}

/** `wasi:io/streams` output-stream. All waiting is on the sink, by JSPI. */
export class OutputStream {
  readonly #sink: Sink;
  readonly #lifetime: Lifetime;

  constructor(sink: Sink, lifetime: Lifetime) {
    this.#sink = sink;
    this.#lifetime = lifetime;
  }

  checkWrite(): Result<bigint, StreamError> {
    const refusal = this.#refusal();
    return refusal ?? ok(BigInt(this.#sink.budget()));
  }

  /** Throws where `write` of so many bytes would. */
  permit(length: number): void {
    if (this.#sink.state === 'open' && length > this.#sink.budget()) {
      throw new Error('output-stream: write of more than check-write permitted');
    }
  }

  write(bytes: Uint8Array): Result<undefined, StreamError> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal;
    this.permit(bytes.length);
    if (bytes.length > 0) this.#sink.write(bytes);
    return this.#refusal() ?? OK;
  }

  writeZeroes(length: bigint): Result<undefined, StreamError> {
    if (length > BigInt(this.#sink.budget())) {
      throw new Error('output-stream: write-zeroes of more than check-write permitted');
    }
    return this.write(new Uint8Array(Number(length)));
  }

  async blockingWriteAndFlush(bytes: Uint8Array): Promise<Result<undefined, StreamError>> {
    this.#lifetime.check();
    if (bytes.length > WASI_LIMITS.blockingWriteBytes) {
      throw this.#lifetime.trap(
        `output-stream: more than ${WASI_LIMITS.blockingWriteBytes} bytes at once`,
      );
    }
    let rest = bytes;
    while (rest.length > 0) {
      if (!this.#sink.ready()) await this.#lifetime.wait([this.#sink]);
      const refusal = this.#refusal();
      if (refusal !== undefined) return refusal;
      const part = rest.subarray(0, this.#sink.budget());
      rest = rest.subarray(part.length);
      this.#sink.write(part);
    }
    return this.blockingFlush();
  }

  blockingWriteZeroesAndFlush(length: bigint): Promise<Result<undefined, StreamError>> {
    if (length > BigInt(WASI_LIMITS.blockingWriteBytes)) {
      throw this.#lifetime.trap(
        `output-stream: more than ${WASI_LIMITS.blockingWriteBytes} bytes at once`,
      );
    }
    return this.blockingWriteAndFlush(new Uint8Array(Number(length)));
  }

  flush(): Result<undefined, StreamError> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal;
    this.#sink.flush();
    return OK;
  }

  async blockingFlush(): Promise<Result<undefined, StreamError>> {
    this.#lifetime.check();
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal;
    this.#sink.flush();
    if (!this.#sink.ready()) await this.#lifetime.wait([this.#sink]);
    return this.#refusal() ?? OK;
  }

  subscribe(): Pollable {
    return new Pollable(this.#sink, this.#lifetime);
  }

  splice(from: InputStream, length: bigint): Result<bigint, StreamError> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal;
    if (!(from instanceof InputStream)) throw new TypeError('splice: not an input-stream');
    const budget = BigInt(this.#sink.budget());
    if (budget === 0n) return ok(0n);
    const read = from.read(length < budget ? length : budget);
    if (read.tag === 'err') return read;
    if (read.val.length > 0) this.#sink.write(read.val);
    return ok(BigInt(read.val.length));
  }

  async blockingSplice(from: InputStream, length: bigint): Promise<Result<bigint, StreamError>> {
    this.#lifetime.check();
    if (!this.#sink.ready()) await this.#lifetime.wait([this.#sink]);
    if (!from.ready()) await this.#lifetime.wait([from]);
    return this.splice(from, length);
  }

  #refusal(): Result<never, StreamError> | undefined {
    const { state } = this.#sink;
    if (state === 'open') return undefined;
    return state === 'closed' ? CLOSED : failed(this.#sink.failure);
  }
}

import type { Readable } from 'node:stream';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import type { Pipe } from '../worker/door.ts';
import { toHeaderLines } from '../worker/header-lines.ts';
import { OUTBOUND_LIMITS } from './limits.ts';

/**
 * A response body as a pipe, in the waiting form and in the two-step form of the function
 * door. The stream is only read when the guest reads, so an unread body holds the sender
 * back; one that nobody begins to read is closed after `unreadBodyMs`. Refused: pumping it
 * into a pipe of its own, which would hold everything twice.
 */
export class ResponsePipe implements Pipe {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #bytesMax: number;
  readonly #trailers: Readonly<Record<string, string | string[] | undefined>>;
  readonly #unread: { cancel(): void };
  #bytes = 0;
  #held: Uint8Array | undefined;
  #waiting: Promise<0 | 1 | 2> | undefined;
  #ended = false;
  #failure: PopmeshError | undefined;

  /** `trailers` is filled when the stream has ended. */
  constructor(
    stream: Readable,
    bytesMax: number,
    clock: Clock,
    trailers: Readonly<Record<string, string | string[] | undefined>> = {},
  ) {
    this.#trailers = trailers;
    this.#stream = stream;
    this.#bytesMax = bytesMax;
    // An error before the first read must not be "unhandled"; the reader gets it later.
    stream.on('error', () => {});
    this.#chunks = stream[Symbol.asyncIterator]();
    this.#unread = clock.setTimer(OUTBOUND_LIMITS.unreadBodyMs, () => this.cancel());
    // Also when the instance ends, and with it all of its connections.
    stream.once('close', () => this.#unread.cancel());
  }

  /** 1: bytes are there, 0: the clean end, 2: broken. */
  ready(): Promise<0 | 1 | 2> {
    this.#unread.cancel();
    this.#waiting ??= this.#next().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  /** What is there, at most `bytesMax`; empty when nothing is. */
  take(bytesMax: number): Uint8Array {
    const held = this.#held;
    if (held === undefined) return new Uint8Array(0);
    this.#held = held.length > bytesMax ? held.subarray(bytesMax) : undefined;
    return this.#held === undefined ? held : held.subarray(0, bytesMax);
  }

  async read(): Promise<Uint8Array | undefined> {
    const state = await this.ready();
    if (state === 1) return this.take(Number.POSITIVE_INFINITY);
    if (state === 0) return undefined;
    throw this.#failure ?? broken('it was cancelled');
  }

  get trailers(): string {
    return toHeaderLines(
      Object.entries(this.#trailers).flatMap(([name, values = []]) =>
        [values].flat().map((value): [string, string] => [name, value]),
      ),
    );
  }

  cancel(): void {
    this.#unread.cancel();
    this.#failure ??= broken('it was cancelled');
    this.#held = undefined;
    this.#stream.destroy();
  }

  /** This end only reads. */
  async write(): Promise<boolean> {
    return false;
  }
  close(): void {}

  async #next(): Promise<0 | 1 | 2> {
    if (this.#held !== undefined) return 1;
    while (!this.#ended && this.#failure === undefined) {
      const next = await this.#chunks.next().catch((cause: unknown) => {
        this.#failure ??= broken(cause instanceof Error ? cause.message : String(cause), cause);
        return undefined;
      });
      if (next === undefined || this.#failure !== undefined) break;
      if (next.done === true) this.#ended = true;
      else this.#bytes += next.value.length;
      if (this.#bytes > this.#bytesMax) {
        this.#failure = tooLarge(this.#bytesMax);
        this.#stream.destroy();
      } else if (next.done !== true && next.value.length > 0) {
        this.#held = next.value;
        return 1;
      }
    }
    return this.#failure === undefined ? 0 : 2;
  }
}

const broken = (why: string, cause?: unknown): PopmeshError =>
  new PopmeshError('peer_unavailable', `response body broke: ${why}`, { cause });

export const tooLarge = (bytesMax: number): PopmeshError =>
  new PopmeshError('response_too_large', `response body of more than ${bytesMax} bytes`, {
    details: { limit: 'outbound_mb', value: bytesMax },
  });

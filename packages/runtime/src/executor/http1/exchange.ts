import type { ResponseHead } from '../response-head.ts';

/**
 * One request and its answer on a client's connection, as far as an invocation needs it. Two
 * implementations, one contract suite: `PlainConnection` for the plain requests that most are,
 * `ServerExchange` over node:http for all others.
 */
export interface Exchange {
  /** The whole body has arrived; asked only where there is one. */
  readonly bodyComplete: boolean;

  /** Who is told that the client went away; before anything else below is called. */
  use(user: ExchangeUser): void;

  /** From here on the body goes to the user, in order, each piece once. */
  readBody(): void;
  /** Some more may still come. */
  pauseBody(): void;
  resumeBody(): void;
  /** What is left of the body is read and dropped. */
  dropBody(): void;

  /** No further request comes on this connection. */
  closeAfter(): void;

  /**
   * The whole answer. Sets `content-length`, `date` and what concerns the connection, and leaves
   * the body out where the method or the status has none. An answer to HEAD without a body has
   * the length that the head says it would have. `own` are our header lines, each with
   * its line end; a body that is a string has one character per byte.
   */
  respond(status: number, head: ResponseHead, own: string, body: string | Uint8Array): void;

  /** The head of an answer whose body follows; of unknown length with -1. */
  begin(status: number, head: ResponseHead, own: string, lengthBytes: number): void;
  /** Takes the bytes over; `taken` is called when the connection has, which is the backpressure. */
  write(bytes: Uint8Array, taken: () => void): void;
  /** `trailers` go out where the body went in chunks. */
  end(trailers?: ResponseHead): void;

  /** Cuts the connection, so that the client sees that the answer is not whole. */
  abort(): void;
}

export interface ExchangeUser {
  bodyBytes(bytes: Uint8Array): void;
  /** Once; '' for a whole body, and then the trailers behind it as lines. */
  bodyEnd(error: string, trailers: string): void;
  /** May come when everything is over. */
  clientGone(): void;
}

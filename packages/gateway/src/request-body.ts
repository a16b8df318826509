import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { PopmeshError } from '@popmesh/contracts';

/**
 * A request body that may have to be sent twice. Its first bytes are kept while
 * they fit into the replay bound; beyond that it can be sent once only. Nothing
 * is read from the client before somebody asks, so memory stays flat.
 */
export class StreamBody {
  readonly #req: IncomingMessage;
  readonly #replayBytesMax: number;
  readonly #bytesMax: number;
  readonly #onTooLarge: (error: PopmeshError) => void;
  #kept: Buffer[] | undefined = [];
  #bytes = 0;
  #ended = false;
  #listening = false;
  #current: Readable | undefined;

  constructor(
    req: IncomingMessage,
    replayBytesMax: number,
    bytesMax: number,
    onTooLarge: (error: PopmeshError) => void,
  ) {
    this.#req = req;
    this.#replayBytesMax = replayBytesMax;
    this.#bytesMax = bytesMax;
    this.#onTooLarge = onTooLarge;
  }

  /** False once more was read than is kept. */
  get replayable(): boolean {
    return this.#kept !== undefined;
  }

  /** The whole body from its start, for one try. Ends the previous try's stream. */
  open(): Readable {
    this.close();
    let started = false;
    const stream = new Readable({
      read: () => {
        if (!started) {
          started = true;
          for (const chunk of this.#kept ?? []) stream.push(chunk);
          if (this.#ended) stream.push(null);
          this.#listen();
        }
        if (!this.#ended) this.#req.resume();
      },
    });
    // undici reports through the request; an unheard error must not end the process.
    stream.on('error', () => {});
    this.#current = stream;
    return stream;
  }

  /** Nobody reads any more; what still comes waits in the socket. */
  close(): void {
    const stream = this.#current;
    this.#current = undefined;
    if (stream === undefined) return;
    if (this.#listening) this.#req.pause();
    stream.destroy();
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#req.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#req.on('end', () => {
      this.#ended = true;
      this.#current?.push(null);
    });
  }

  #onData(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) {
      this.#onTooLarge(bodyTooLarge(this.#bytesMax));
      return;
    }
    if (this.#bytes > this.#replayBytesMax) this.#kept = undefined;
    else this.#kept?.push(chunk);
    if (this.#current?.push(chunk) === false) this.#req.pause();
  }
}

export const bodyTooLarge = (bytesMax: number): PopmeshError =>
  new PopmeshError('payload_too_large', `the request body is larger than ${bytesMax} bytes`, {
    details: { limit: 'request_body_mb', bytesMax },
  });

/** A small body in one piece. Never calls back when the client goes away first. */
export function collectBody(
  req: IncomingMessage,
  length: number,
  done: (body: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
    done(body);
  });
}

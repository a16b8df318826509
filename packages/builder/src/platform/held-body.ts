import { host } from './host.ts';
import { decodeUtf8 } from './utf8.ts';

/**
 * A request's body that the host holds whole, until somebody asks: most requests have none and
 * many of the others are only passed on. As text it is decoded by the host, on its way here.
 */
export class HeldBody {
  readonly #id: number;
  #bytes: Uint8Array | undefined = undefined;

  constructor(id: number) {
    this.#id = id;
  }

  text(): string {
    if (this.#bytes !== undefined) return decodeUtf8(this.#bytes, false);
    return there(host.bodyText(this.#id));
  }

  /** The same each time, for a body that several read. */
  bytes(): Uint8Array {
    this.#bytes ??= there(host.bodyBytes(this.#id));
    return this.#bytes;
  }
}

/** What the host holds is never empty. */
function there<T extends { readonly length: number }>(body: T): T {
  if (body.length === 0) throw new TypeError('The body has gone with its request');
  return body;
}

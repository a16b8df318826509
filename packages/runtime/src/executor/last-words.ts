import { PopmeshError } from '@popmesh/contracts';

/** What a guest printed before it failed to start: a panic says there why. */

const LENGTH_MAX = 1_000;

export class LastWords {
  #text = '';

  add(line: string): void {
    this.#text = `${this.#text}${this.#text === '' ? '' : '\n'}${line}`.slice(-LENGTH_MAX);
  }

  /** The same error, with them. */
  addTo(error: PopmeshError): PopmeshError {
    if (this.#text === '') return error;
    const { code, message, hint, details, cause } = error;
    return new PopmeshError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      details: { ...details, log: this.#text },
      cause,
    });
  }
}

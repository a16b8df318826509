import type { Tagged } from './http-method.ts';

/** `wasi:io/error`: what went wrong on a stream. The text is safe to show to the guest. */
export class IoError {
  readonly #message: string;
  readonly #httpCode: Tagged | undefined;

  constructor(message: string, httpCode?: Tagged) {
    this.#message = message;
    this.#httpCode = httpCode;
  }

  toDebugString(): string {
    return this.#message;
  }

  /** For `http-error-code`. */
  static httpCode(error: IoError): Tagged | undefined {
    return error.#httpCode;
  }
}

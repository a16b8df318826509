import type { LogLevel } from '@popmesh/contracts';
import { WASI_LIMITS } from './limits.ts';
import type { Sink } from './output-stream.ts';

const LINE_FEED = 0x0a;
const decoder = new TextDecoder();

/** stdout or stderr of the guest: whole lines become log entries. Never full, never ready late. */
export class LineSink implements Sink {
  readonly state = 'open';
  readonly failure = '';
  readonly #level: LogLevel;
  readonly #log: (level: LogLevel, line: string) => void;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(level: LogLevel, log: (level: LogLevel, line: string) => void) {
    this.#level = level;
    this.#log = log;
  }

  budget(): number {
    return WASI_LIMITS.outputBufferBytes;
  }

  write(bytes: Uint8Array): void {
    let rest = bytes;
    for (let at = rest.indexOf(LINE_FEED); at >= 0; at = rest.indexOf(LINE_FEED)) {
      this.#hold(rest.subarray(0, at));
      this.end(true);
      rest = rest.subarray(at + 1);
    }
    this.#hold(rest);
  }

  /** Logs what is held; `line` when a line feed ended it, so that empty lines are kept. */
  end(line = false): void {
    if (this.#length === 0 && !line) return;
    const text = decoder.decode(Buffer.concat(this.#parts, this.#length));
    this.#parts = [];
    this.#length = 0;
    this.#log(this.#level, text.endsWith('\r') ? text.slice(0, -1) : text);
  }

  flush(): void {}
  ready(): boolean {
    return true;
  }
  add(): void {}
  remove(): void {}

  #hold(bytes: Uint8Array): void {
    let rest = bytes;
    while (this.#length + rest.length > WASI_LIMITS.logLineBytes) {
      const part = rest.subarray(0, WASI_LIMITS.logLineBytes - this.#length);
      rest = rest.subarray(part.length);
      this.#parts.push(part);
      this.#length += part.length;
      this.end();
    }
    if (rest.length === 0) return;
    this.#parts.push(rest);
    this.#length += rest.length;
  }
}

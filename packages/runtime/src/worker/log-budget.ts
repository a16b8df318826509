import type { Clock } from '@popmesh/contracts';

/**
 * Bounds what one instance may log: `logKb` per second, with bursts up to one second's
 * worth. Lines beyond it are counted and dropped, and the count is said once there is room.
 */
export class LogBudget {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  #available: number;
  #lastMs: number;
  #dropped = 0;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#available = bytesPerSecond;
    this.#lastMs = clock.monotonic();
  }

  /** The lines to write now, in order; none when the budget is spent. */
  admit(message: string): string[] {
    const nowMs = this.#clock.monotonic();
    const earned = ((nowMs - this.#lastMs) / 1000) * this.#bytesPerSecond;
    this.#available = Math.min(this.#bytesPerSecond, this.#available + earned);
    this.#lastMs = nowMs;
    const cost = message.length + 64;
    if (cost > this.#available) {
      this.#dropped++;
      return [];
    }
    this.#available -= cost;
    if (this.#dropped === 0) return [message];
    const notice = `${this.#dropped} log lines were dropped: the function exceeds log_kb`;
    this.#dropped = 0;
    return [notice, message];
  }
}

/** Cut to the bound, control characters but tab and line feed made visible. */
export function cleanLogLine(message: string, lengthMax: number): string {
  const cut = message.length > lengthMax ? `${message.slice(0, lengthMax)}…` : message;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return cut.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

import { type Clock, sleepOn, type Timer } from '@popmesh/contracts';

/** Later than every timer due at the end of a stall, sooner than anything else. */
const READ_AFTER_MS = 1e-6;

/**
 * One node's view of the world's clock, whose event loop can freeze: while it is
 * stalled no timer of this node fires and no message is handed over, exactly as
 * under a long garbage collection or a SIGSTOP; then all of it comes at once.
 */
export class StallableClock implements Clock {
  readonly #world: Clock;
  #stalledUntilMs = 0;
  #wallAheadMs = 0;

  constructor(world: Clock) {
    this.#world = world;
  }

  stall(ms: number): void {
    this.#stalledUntilMs = this.#world.monotonic() + ms;
  }

  /** Moves the wall clock of this node alone. */
  jumpWall(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Runs now, or at the end of the stall. */
  whenRunning(run: () => void): void {
    const leftMs = this.#stalledUntilMs - this.#world.monotonic();
    if (leftMs <= 0) run();
    else this.#world.setTimer(leftMs, () => this.whenRunning(run));
  }

  /** As `whenRunning`, but behind all timers: an event loop runs those before it reads sockets. */
  whenReading(run: () => void): void {
    const leftMs = this.#stalledUntilMs - this.#world.monotonic();
    if (leftMs <= 0) run();
    else this.#world.setTimer(leftMs + READ_AFTER_MS, () => this.whenReading(run));
  }

  now(): number {
    return this.#world.now() + this.#wallAheadMs;
  }

  monotonic(): number {
    return this.#world.monotonic();
  }

  setTimer(ms: number, run: () => void): Timer {
    let cancelled = false;
    const timer = this.#world.setTimer(ms, () =>
      this.whenRunning(() => {
        if (!cancelled) run();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn({ setTimer: (later, run) => this.setTimer(later, run) }, ms, signal);
  }
}

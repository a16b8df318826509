import { host, ignore } from './host.ts';
import { reportError } from './report.ts';

/** The handler's third argument. */
export class ExecutionContext {
  readonly #id: number;
  #props: Record<string, unknown> | undefined = undefined;

  constructor(id: number) {
    this.#id = id;
  }

  /** What some Workers libraries put here; ours to carry, not to read. */
  get props(): Record<string, unknown> {
    this.#props ??= {};
    return this.#props;
  }
  set props(props: Record<string, unknown>) {
    this.#props = props;
  }

  /** Keeps the instance until the promise has settled; its failure is reported, not thrown. */
  waitUntil(work: unknown): void {
    host.retain(this.#id);
    ignore(this.#finish(work));
  }

  async #finish(work: unknown): Promise<void> {
    try {
      await work;
    } catch (error) {
      reportError(error);
    } finally {
      host.release(this.#id);
    }
  }

  /** There is no origin behind a function to pass on to. */
  passThroughOnException(): void {}
}

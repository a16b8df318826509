import type { Resources } from './resources.ts';

/**
 * How requests enter a guest: one stack for the whole life of an instance, on which a small
 * core module of our own calls the guest's `handle` for one request after another and sleeps
 * in between. Refused: `WebAssembly.promising` over `handle`, which makes a stack and a
 * suspender for each request (0.5 us), and these outlive every young collection (1.8 KB of
 * them a request: a fifth of all CPU time went to copying); to be woken costs 0.25 us.
 */

/** Takes a request where the guest may wait; `returned` or `trapped` is called once for each. */
export interface Entrance {
  enter(request: object, outparam: object): void;
  /** Nobody enters any more. */
  close(reason: Error): void;
}

export interface EntranceEvents {
  returned(): void;
  trapped(caught: unknown): void;
}

/** The guest's own `handle`, of two handles. */
export type CoreHandle = (request: number, outparam: number) => void;

/** What the glue tells of it, where nothing waits jco's way (lowering.ts). */
export interface GuestHandle {
  readonly core: CoreHandle;
  readonly requests: Resources<object>;
  readonly outparams: Resources<object>;
  /** Has to run when `core` has returned. */
  readonly postReturn: () => void;
}

/** What of the WebAssembly API TypeScript's Node types do not know. */
interface Api {
  readonly Module: new (bytes: Uint8Array) => WebAssembly.Module;
  readonly Instance: new (
    module: WebAssembly.Module,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: Record<string, unknown> };
  readonly Suspending: new (call: () => unknown) => object;
  readonly promising: (call: unknown) => () => Promise<unknown>;
}
const Wasm = (globalThis as unknown as { WebAssembly: Api }).WebAssembly;

/**
 * (module
 *   (import "" "next" (func $next (result i32)))
 *   (import "" "outparam" (func $outparam (result i32)))
 *   (import "" "handle" (func $handle (param i32 i32)))
 *   (import "" "returned" (func $returned))
 *   (func (export "serve")
 *     (loop
 *       (call $handle (call $next) (call $outparam))
 *       (call $returned)
 *       (br 0))))
 */
const text = (name: string): number[] => [name.length, ...Buffer.from(name)];
const section = (id: number, body: number[]): number[] => [id, body.length, ...body];
const imported = (name: string, type: number): number[] => [0, ...text(name), 0, type];
const CODE = [0, 0x03, 0x40, 0x10, 0, 0x10, 1, 0x10, 2, 0x10, 3, 0x0c, 0, 0x0b, 0x0b];
const BYTES = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...section(1, [3, 0x60, 0, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 0, 0x60, 0, 0]),
  ...section(2, [
    4,
    ...imported('next', 0),
    ...imported('outparam', 0),
    ...imported('handle', 1),
    ...imported('returned', 2),
  ]),
  ...section(3, [1, 2]),
  ...section(7, [1, ...text('serve'), 0, 4]),
  ...section(10, [1, CODE.length, ...CODE]),
]);
/** A few dozen bytes: compiled where a worker starts, before any request. */
const MODULE = new Wasm.Module(BYTES);

export class Turnstile implements Entrance {
  readonly #requests: Resources<object>;
  readonly #outparams: Resources<object>;
  #wake: ((request: number) => void) | undefined;
  #stop: ((reason: Error) => void) | undefined;
  #closed: Error | undefined;
  #outparam = 0;

  constructor(guest: GuestHandle, events: EntranceEvents) {
    this.#requests = guest.requests;
    this.#outparams = guest.outparams;
    const { exports } = new Wasm.Instance(MODULE, {
      '': {
        next: new Wasm.Suspending(() => this.#next()),
        outparam: () => this.#outparam,
        handle: guest.core,
        returned: () => {
          guest.postReturn();
          events.returned();
        },
      },
    });
    Wasm.promising(exports.serve)().catch((caught: unknown) => {
      if (caught !== this.#closed) events.trapped(caught);
    });
  }

  enter(request: object, outparam: object): void {
    const wake = this.#wake;
    if (wake === undefined) throw new Error('the guest is not waiting for a request');
    const handle = this.#requests.add(request);
    this.#outparam = this.#outparams.add(outparam);
    this.#wake = undefined;
    this.#stop = undefined;
    wake(handle);
  }

  close(reason: Error): void {
    this.#closed ??= reason;
    this.#wake = undefined;
    this.#stop?.(this.#closed);
  }

  #next(): Promise<number> {
    // A guest that was ended while it ran, and returned all the same.
    if (this.#closed !== undefined) throw this.#closed;
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      this.#stop = reject;
    });
  }
}

import host, { type Host } from 'popmesh:function/host@0.2.0';

/**
 * The host, and whether it may be called yet. The module's top level runs at build
 * time, before the snapshot, where any host call ends the whole build with a wasm
 * trap; so everything that needs the host asks `running` first. Refused: a wrapper
 * around each call, which would cost every request.
 */

/** False while the build evaluates the module, true from the first request on. */
export let running = false;

export function begin(): void {
  running = true;
}

/** For what cannot work at build time: says where to put it instead. */
export function requireRunning(what: string): void {
  if (!running) {
    throw new Error(
      `${what} is not available at the top level of a module, which runs at build time; call it inside the handler`,
    );
  }
}

const noop = (): void => {};

/** Nobody waits for this promise; its failure is told elsewhere. */
export function ignore(promise: Promise<unknown>): void {
  promise.then(noop, noop);
}

export { type Host, host };

import type { Clock } from '@popmesh/contracts';

/**
 * When this node may be sent traffic: the functions of its own disk are ready,
 * and, if the disk knew none but there is a mesh to ask, the mesh was asked (a
 * node with an empty disk would else answer "no such function" for all of them).
 */

export type NodeState = 'starting' | 'ready' | 'draining' | 'stopped';

/** A mesh that does not answer must not keep its first node from starting. */
export const JOIN_WAIT_MS = 10_000;
const JOIN_POLL_MS = 20;

export interface ReadinessOptions {
  readonly settled: () => Promise<void>;
  /** Undefined: there is nobody to ask, or the disk knew functions. */
  readonly joined: (() => boolean) | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Never rejects but with the reason of `signal`. */
export async function untilReady(options: ReadinessOptions): Promise<void> {
  const { settled, joined, clock, signal } = options;
  if (joined !== undefined) {
    const untilMs = clock.monotonic() + JOIN_WAIT_MS;
    while (!joined() && clock.monotonic() < untilMs) await clock.sleep(JOIN_POLL_MS, signal);
  }
  await settled();
  signal.throwIfAborted();
}

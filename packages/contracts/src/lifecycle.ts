/** Start, drain and stop are states, not booleans. */

export type LifecycleState = 'created' | 'starting' | 'ready' | 'draining' | 'stopped' | 'failed';

/** A part with handles to open and close. */
export interface Startable {
  start(signal: AbortSignal): Promise<void>;
  /** Safe in any state, and the same promise each time. */
  stop(): Promise<void>;
}

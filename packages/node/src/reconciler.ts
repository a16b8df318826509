import type { FunctionId, PopmeshError } from '@popmesh/contracts';

/**
 * Which function to make ready next, as a pure state machine: what is wanted
 * (from the registry) against what is served (by the runtime). The newest
 * revision wins: work on an older one is aborted, and what was served stays
 * served until the newer is ready. Time and work are the driver's (apply-loop).
 */

export interface Wanted {
  readonly function: FunctionId;
  readonly revision: bigint;
  /** `remove`: deleted, or not meant for this region. */
  readonly kind: 'apply' | 'remove';
}

export type ReconcileAction =
  | { readonly type: 'start'; readonly wanted: Wanted }
  | { readonly type: 'abort'; readonly function: FunctionId; readonly revision: bigint };

export interface ReconcilerBounds {
  readonly parallelMax: number;
  /** First pause after a failure that may pass; doubles up to the cap, with jitter. */
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
}

export interface Failure {
  readonly function: FunctionId;
  readonly revision: bigint;
  readonly error: PopmeshError;
}

interface Entry {
  wanted: Wanted;
  /** The revision that the runtime serves now. */
  served: bigint | undefined;
  working: bigint | undefined;
  failure: { error: PopmeshError; revision: bigint; attempts: number } | undefined;
  /** When to try again; undefined: not by itself. */
  retryAtMs: number | undefined;
}

export class Reconciler {
  readonly #bounds: ReconcilerBounds;
  readonly #jitter: () => number;
  readonly #entries = new Map<FunctionId, Entry>();
  /** In the order of arrival; a function stands in it once. */
  readonly #queue = new Set<FunctionId>();
  #working = 0;

  /** `jitter` in [0, 1). */
  constructor(bounds: ReconcilerBounds, jitter: () => number) {
    this.#bounds = bounds;
    this.#jitter = jitter;
  }

  want(wanted: Wanted): ReconcileAction[] {
    const held = this.#entries.get(wanted.function);
    if (held === undefined) {
      if (wanted.kind === 'remove') return [];
      this.#entries.set(wanted.function, {
        wanted,
        served: undefined,
        working: undefined,
        failure: undefined,
        retryAtMs: undefined,
      });
      this.#queue.add(wanted.function);
      return this.#startMore();
    }
    if (wanted.revision <= held.wanted.revision) return [];
    held.wanted = wanted;
    held.failure = undefined;
    held.retryAtMs = undefined;
    if (held.working !== undefined) {
      return [{ type: 'abort', function: wanted.function, revision: held.working }];
    }
    this.#queue.add(wanted.function);
    return this.#startMore();
  }

  /** The work of a `start` ended, for whatever reason; `error` undefined means it is done. */
  finished(work: Wanted, error: PopmeshError | undefined, nowMs: number): ReconcileAction[] {
    const entry = this.#entries.get(work.function);
    if (entry === undefined || entry.working !== work.revision) return [];
    entry.working = undefined;
    this.#working--;
    if (error === undefined) entry.served = work.kind === 'apply' ? work.revision : undefined;
    if (entry.wanted.revision !== work.revision) {
      this.#queue.add(work.function);
    } else if (error !== undefined) {
      this.#fail(entry, error, nowMs);
    } else {
      entry.failure = undefined;
      if (work.kind === 'remove') this.#entries.delete(work.function);
    }
    return this.#startMore();
  }

  /**
   * What was served is not served any more, because the function itself keeps
   * ending what runs it. It waits for its next revision: to try it again would
   * take its neighbours down again.
   */
  lost(id: FunctionId, error: PopmeshError): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.served = undefined;
    if (entry.working !== undefined || this.#queue.has(id)) return;
    entry.failure = { error, revision: entry.wanted.revision, attempts: 1 };
    entry.retryAtMs = undefined;
  }

  tick(nowMs: number): ReconcileAction[] {
    for (const [id, entry] of this.#entries) {
      if (entry.retryAtMs !== undefined && entry.retryAtMs <= nowMs) {
        entry.retryAtMs = undefined;
        this.#queue.add(id);
      }
    }
    return this.#startMore();
  }

  /** A cause of failures went away (a peer came back): what waits for its retry is tried at once. */
  hurry(): ReconcileAction[] {
    return this.tick(Number.POSITIVE_INFINITY);
  }

  /** When `tick` has something to do; undefined: never. */
  nextTickMs(): number | undefined {
    let next: number | undefined;
    for (const { retryAtMs } of this.#entries.values()) {
      if (retryAtMs !== undefined && (next === undefined || retryAtMs < next)) next = retryAtMs;
    }
    return next;
  }

  /** Every wanted function was made ready or failed at least once. */
  get settled(): boolean {
    return this.#working === 0 && this.#queue.size === 0;
  }

  served(): { function: FunctionId; revision: bigint }[] {
    return [...this.#entries].flatMap(([id, { served }]) =>
      served === undefined ? [] : [{ function: id, revision: served }],
    );
  }

  /** Of the newest revision only. */
  failures(): Failure[] {
    return [...this.#entries].flatMap(([id, { failure, wanted }]) =>
      failure === undefined || failure.revision !== wanted.revision
        ? []
        : [{ function: id, revision: failure.revision, error: failure.error }],
    );
  }

  #fail(entry: Entry, error: PopmeshError, nowMs: number): void {
    const attempts = (entry.failure?.attempts ?? 0) + 1;
    entry.failure = { error, revision: entry.wanted.revision, attempts };
    // A component that was refused is refused again; only its next revision can help.
    const { fault } = error.facts;
    if (fault === 'caller' || fault === 'function') return;
    const pauseMs = Math.min(
      this.#bounds.retryBaseMs * 2 ** Math.min(attempts - 1, 30),
      this.#bounds.retryCapMs,
    );
    entry.retryAtMs = nowMs + pauseMs * (0.5 + this.#jitter() / 2);
  }

  #startMore(): ReconcileAction[] {
    const actions: ReconcileAction[] = [];
    for (const id of this.#queue) {
      if (this.#working >= this.#bounds.parallelMax) break;
      this.#queue.delete(id);
      const entry = this.#entries.get(id);
      if (entry === undefined || entry.working !== undefined) continue;
      entry.working = entry.wanted.revision;
      this.#working++;
      actions.push({ type: 'start', wanted: entry.wanted });
    }
    return actions;
  }
}

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
  /** Only its next revision can help. */
  readonly isLasting: boolean;
}

export interface Served {
  readonly revision: bigint;
  /** The one with most weight. */
  readonly version: number;
}

/** How the work on a revision ended. */
export interface Outcome {
  /** Why it could not be made ready. */
  readonly error?: PopmeshError | undefined;
  /** Of a failure: not worth another try by itself. */
  readonly isLasting?: boolean;
  /** Of a failure: whether to try again, be it only for the sake of an older version. */
  readonly retry?: boolean;
  /** What is served now; with an error, an older version in its place. */
  readonly served?: Served | undefined;
}

interface Entry {
  wanted: Wanted;
  /** The revision that the runtime serves now. */
  served: Served | undefined;
  working: bigint | undefined;
  failure: (Omit<Failure, 'function'> & { readonly attempts: number }) | undefined;
  /** When to try again; undefined: not by itself. */
  retryAtMs: number | undefined;
  /** While it is worked on, which may have begun when something was served. */
  wasLost: boolean;
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
        wasLost: false,
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

  /** The work of a `start` ended, for whatever reason. */
  finished(work: Wanted, outcome: Outcome, nowMs: number): ReconcileAction[] {
    const entry = this.#entries.get(work.function);
    if (entry === undefined || entry.working !== work.revision) return [];
    entry.working = undefined;
    this.#working--;
    const { error, served } = outcome;
    const isBare = entry.wasLost && served === undefined;
    entry.wasLost = false;
    if (error === undefined) entry.served = work.kind === 'apply' ? served : undefined;
    else if (served !== undefined) entry.served = served;
    if (entry.wanted.revision !== work.revision) {
      this.#queue.add(work.function);
    } else if (error !== undefined) {
      this.#fail(entry, error, outcome, nowMs);
      if (isBare) this.#again(work.function, entry);
    } else {
      entry.failure = undefined;
      if (work.kind === 'remove') this.#entries.delete(work.function);
    }
    return this.#startMore();
  }

  /**
   * What was served is not served any more, because the function itself keeps ending what runs
   * it. It is worked on once more, for an older version in its place; whoever does the work knows
   * what was lost, and does not try that again: it would take its neighbours down again.
   */
  lost(id: FunctionId, error: PopmeshError): ReconcileAction[] {
    const entry = this.#entries.get(id);
    if (entry === undefined) return [];
    entry.served = undefined;
    if (entry.working !== undefined) entry.wasLost = true;
    if (entry.working !== undefined || this.#queue.has(id)) return [];
    const { revision } = entry.wanted;
    entry.failure = { error, revision, isLasting: true, attempts: 1 };
    this.#again(id, entry);
    return this.#startMore();
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

  /** `fallbackVersion`: an older one, in place of a newer that could not be made ready. */
  served(): { function: FunctionId; revision: bigint; fallbackVersion?: number }[] {
    return [...this.#entries].flatMap(([id, { served, failure, wanted }]) => {
      if (served === undefined) return [];
      const { revision, version } = served;
      const isFallback = failure?.revision === wanted.revision && revision < wanted.revision;
      return [{ function: id, revision, ...(isFallback ? { fallbackVersion: version } : {}) }];
    });
  }

  isServed(id: FunctionId): boolean {
    return this.#entries.get(id)?.served !== undefined;
  }

  /** 0 for none. */
  versionServed(id: FunctionId): number {
    return this.#entries.get(id)?.served?.version ?? 0;
  }

  /** Of the newest revision only. */
  failures(): Failure[] {
    return [...this.#entries].flatMap(([id, { failure, wanted }]) => {
      if (failure === undefined || failure.revision !== wanted.revision) return [];
      const { revision, error, isLasting } = failure;
      return [{ function: id, revision, error, isLasting }];
    });
  }

  #fail(entry: Entry, error: PopmeshError, outcome: Outcome, nowMs: number): void {
    const attempts = (entry.failure?.attempts ?? 0) + 1;
    const isLasting = outcome.isLasting ?? false;
    entry.failure = { error, revision: entry.wanted.revision, isLasting, attempts };
    if (!(outcome.retry ?? !isLasting)) return;
    const pauseMs = Math.min(
      this.#bounds.retryBaseMs * 2 ** Math.min(attempts - 1, 30),
      this.#bounds.retryCapMs,
    );
    entry.retryAtMs = nowMs + pauseMs * (0.5 + this.#jitter() / 2);
  }

  #again(id: FunctionId, entry: Entry): void {
    entry.retryAtMs = undefined;
    this.#queue.add(id);
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

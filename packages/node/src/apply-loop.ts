import { type FunctionId, type Metrics, PopmeshError, type Timer } from '@popmesh/contracts';
import type { FunctionView, Registry } from '@popmesh/replication';
import { MakeReady, type MakeReadyOptions } from './make-ready.ts';
import {
  type Failure,
  type Outcome,
  type ReconcileAction,
  Reconciler,
  type ReconcilerBounds,
  type Wanted,
} from './reconciler.ts';
import { allowedRegions, allowsRegion } from './regions.ts';

/**
 * Makes the runtime serve what the registry says: drives the reconciler with the
 * registry's changes, a timer, and the ends of the work that it asks for
 * (make-ready.ts).
 */

export const RETRY_BASE_MS = 250;
export const RETRY_CAP_MS = 30_000;
export interface ApplyLoopOptions extends MakeReadyOptions {
  readonly registry: Pick<Registry, 'get' | 'list' | 'onChanged'>;
  readonly parallelMax: number;
  readonly jitter: () => number;
  readonly metrics: Metrics;
  /** What is served, or what failed, is not what it was. */
  readonly onChanged: () => void;
}

export class ApplyLoop {
  readonly #options: ApplyLoopOptions;
  readonly #reconciler: Reconciler;
  readonly #ready: MakeReady;
  readonly #working = new Map<string, { readonly abort: AbortController; done: Promise<void> }>();
  readonly #durations;
  #unsubscribe: () => void = () => {};
  #timer: Timer | undefined;
  #stopped = false;
  #whenSettled: (() => void)[] = [];

  constructor(options: ApplyLoopOptions) {
    this.#options = options;
    this.#ready = new MakeReady(options);
    const bounds: ReconcilerBounds = {
      parallelMax: options.parallelMax,
      retryBaseMs: RETRY_BASE_MS,
      retryCapMs: RETRY_CAP_MS,
    };
    this.#reconciler = new Reconciler(bounds, options.jitter);
    this.#durations = options.metrics.histogram(
      'popmesh_apply_duration_ms',
      'From the start of the work on a revision to its end',
      [10, 50, 100, 500, 1000, 5000, 30_000],
      ['outcome'],
    );
  }

  /** Takes up everything that the registry knows; what the disk had is there already. */
  start(): void {
    this.#unsubscribe = this.#options.registry.onChanged((view) => this.#want(view));
    for (const view of this.#options.registry.list()) {
      this.#ready.ranBefore(view);
      this.#want(view);
    }
  }

  /** Resolves when every wanted function was made ready or failed once. */
  settled(): Promise<void> {
    if (this.#reconciler.settled) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  served(): ReturnType<Reconciler['served']> {
    return this.#reconciler.served();
  }

  failures(): Failure[] {
    return this.#reconciler.failures();
  }

  /** A peer appeared, or NATS came back: failures may be over. */
  hurry(): void {
    if (!this.#stopped) this.#perform(this.#reconciler.hurry());
  }

  /** The runtime gave a function up after it had accepted it. */
  lost(id: FunctionId, error: PopmeshError): void {
    const version = this.#reconciler.versionServed(id);
    void this.#ready.lost(id, version, error).then(() => {
      if (this.#stopped) return;
      this.#perform(this.#reconciler.lost(id, error));
      this.#options.onChanged();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#timer?.cancel();
    const reason = new PopmeshError('cancelled', 'the node stops');
    for (const { abort } of this.#working.values()) abort.abort(reason);
    await Promise.all([...this.#working.values()].map(({ done }) => done));
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #want(view: FunctionView): void {
    if (this.#stopped) return;
    const here =
      !view.deleted &&
      view.live.length > 0 &&
      allowsRegion(allowedRegions(view), this.#options.region);
    const kind = here ? 'apply' : 'remove';
    this.#perform(this.#reconciler.want({ function: view.id, revision: view.revision, kind }));
  }

  #perform(actions: readonly ReconcileAction[]): void {
    for (const action of actions) {
      if (action.type === 'start') this.#start(action.wanted);
      else {
        this.#working
          .get(action.function)
          ?.abort.abort(new PopmeshError('cancelled', 'a newer revision came'));
      }
    }
    this.#schedule();
    if (this.#reconciler.settled) for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const next = this.#reconciler.nextTickMs();
    if (next === undefined || this.#stopped) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(Math.max(0, next - clock.monotonic()), () =>
      this.#perform(this.#reconciler.tick(clock.monotonic())),
    );
  }

  #start(wanted: Wanted): void {
    const { clock, logger, onChanged } = this.#options;
    const abort = new AbortController();
    const startedMs = clock.monotonic();
    const end = (outcome: Outcome): void => {
      const { error } = outcome;
      this.#working.delete(wanted.function);
      const tookMs = Math.round(clock.monotonic() - startedMs);
      const replaced = error?.code === 'cancelled';
      const result = replaced ? 'replaced' : error === undefined ? 'ready' : 'failed';
      this.#durations.observe(tookMs, { outcome: result });
      const facts = { function: wanted.function, revision: wanted.revision.toString(), tookMs };
      if (error === undefined) logger.info(wanted.kind === 'apply' ? 'ready' : 'removed', facts);
      else if (!replaced) logger.warn('could not be made ready', { ...facts, error });
      if (this.#stopped) return;
      this.#perform(this.#reconciler.finished(wanted, outcome, clock.monotonic()));
      onChanged();
    };
    const done = this.#work(wanted, abort.signal).then(end, (caught) =>
      end({ error: PopmeshError.from(caught) }),
    );
    this.#working.set(wanted.function, { abort, done });
  }
  async #work(wanted: Wanted, signal: AbortSignal): Promise<Outcome> {
    if (wanted.kind === 'apply') {
      const isServed = () => this.#reconciler.isServed(wanted.function);
      return this.#ready.serve(wanted, isServed, signal);
    }
    await this.#ready.remove(wanted.function);
    return {};
  }
}

import type { ArtifactFetcher } from '@popmesh/artifacts';
import {
  type Clock,
  type FunctionId,
  type Logger,
  type Metrics,
  PopmeshError,
  revisionTimeMs,
  type Timer,
} from '@popmesh/contracts';
import type { FunctionView, Registry } from '@popmesh/replication';
import type { Runtime } from '@popmesh/runtime';
import {
  type Failure,
  type ReconcileAction,
  Reconciler,
  type ReconcilerBounds,
  type Wanted,
} from './reconciler.ts';
import { allowedRegions, allowsRegion } from './regions.ts';

/**
 * Makes the runtime serve what the registry says: drives the reconciler with the
 * registry's changes, a timer, and the ends of the work that it asks for. The
 * work is fetch, prepare, apply; each has been made idempotent by its room, so
 * that doing it again after a failure needs no memory here.
 */

export const RETRY_BASE_MS = 250;
export const RETRY_CAP_MS = 30_000;
/** A deploy is warmed before it counts as ready; what is older has run elsewhere, and may start cold. */
const FRESH_MS = 10 * 60_000;

export interface ApplyLoopOptions {
  readonly registry: Pick<Registry, 'get' | 'list' | 'onChanged'>;
  readonly fetcher: Pick<ArtifactFetcher, 'ensure' | 'load'>;
  readonly runtime: Pick<Runtime, 'prepare' | 'apply' | 'remove'>;
  readonly region: string;
  readonly parallelMax: number;
  readonly applyTimeoutMs: number;
  readonly clock: Clock;
  readonly jitter: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What is served, or what failed, is not what it was. */
  readonly onChanged: () => void;
}

export class ApplyLoop {
  readonly #options: ApplyLoopOptions;
  readonly #reconciler: Reconciler;
  readonly #working = new Map<string, { readonly abort: AbortController; done: Promise<void> }>();
  readonly #durations;
  /** What the disk knew at the start: it ran here before, and starts when it is asked for. */
  readonly #provenHere = new Set<string>();
  #unsubscribe: () => void = () => {};
  #timer: Timer | undefined;
  #stopped = false;
  #whenSettled: (() => void)[] = [];

  constructor(options: ApplyLoopOptions) {
    this.#options = options;
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
      this.#provenHere.add(`${view.id}@${view.revision}`);
      this.#want(view);
    }
  }

  /** Resolves when every wanted function was made ready or failed once. */
  settled(): Promise<void> {
    if (this.#reconciler.settled) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  served(): { readonly function: string; readonly revision: bigint }[] {
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
    this.#reconciler.lost(id, error);
    this.#options.onChanged();
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
    const end = (error: PopmeshError | undefined): void => {
      this.#working.delete(wanted.function);
      const tookMs = Math.round(clock.monotonic() - startedMs);
      const replaced = error?.code === 'cancelled';
      const outcome = replaced ? 'replaced' : error === undefined ? 'ready' : 'failed';
      this.#durations.observe(tookMs, { outcome });
      const facts = { function: wanted.function, revision: wanted.revision.toString(), tookMs };
      if (error === undefined) logger.info(wanted.kind === 'apply' ? 'ready' : 'removed', facts);
      else if (!replaced) logger.warn('could not be made ready', { ...facts, error });
      if (this.#stopped) return;
      this.#perform(this.#reconciler.finished(wanted, error, clock.monotonic()));
      onChanged();
    };
    const deadline = clock.setTimer(this.#options.applyTimeoutMs, () =>
      abort.abort(new PopmeshError('deadline_exceeded', 'fetching and preparing took too long')),
    );
    const done = this.#work(wanted, abort.signal)
      .then(
        () => end(undefined),
        (caught) => end(PopmeshError.from(abort.signal.aborted ? abort.signal.reason : caught)),
      )
      .finally(() => deadline.cancel());
    this.#working.set(wanted.function, { abort, done });
  }

  async #work(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const { registry, fetcher, runtime } = this.#options;
    if (wanted.kind === 'remove') return runtime.remove(wanted.function);
    const view = registry.get(wanted.function);
    if (view === undefined || view.revision !== wanted.revision) {
      throw new PopmeshError('cancelled', 'a newer revision came');
    }
    const targets = [];
    for (const { version, weight } of view.live) {
      const { artifact, config } = version;
      if (artifact === undefined || config === undefined) {
        throw new PopmeshError('invalid_argument', `version ${version.number} is incomplete`);
      }
      await fetcher.ensure(artifact, signal);
      const prepared = await runtime.prepare(
        {
          digest: artifact.digest,
          load: () => fetcher.load(artifact, signal),
          isLasting: true,
        },
        { memoryMb: config.limits?.memoryMb ?? 0 },
        signal,
      );
      targets.push({ version: version.number, weight, prepared, config });
    }
    signal.throwIfAborted();
    const proven = this.#provenHere.delete(`${view.id}@${view.revision}`);
    const ageMs = this.#options.clock.now() - revisionTimeMs(view.revision);
    const warm = !proven && ageMs < FRESH_MS;
    await runtime.apply({ function: view.id, revision: view.revision, targets, warm });
  }
}

import type { ArtifactFetcher } from '@popmesh/artifacts';
import {
  type Clock,
  type FunctionId,
  type Logger,
  PopmeshError,
  revisionTimeMs,
} from '@popmesh/contracts';
import {
  acceptedAt,
  type FunctionView,
  type LiveVersion,
  type Registry,
  versionName,
} from '@popmesh/replication';
import { aboveCeilingError, type Ceilings, type Runtime } from '@popmesh/runtime';
import type { FailedVersions } from './failed-versions.ts';
import type { Outcome, Wanted } from './reconciler.ts';
import { allowsRegion } from './regions.ts';

/**
 * Makes one revision ready: fetch, prepare, apply, each made idempotent by its room. Where that
 * fails and nothing of the function is served yet (a restart, or a function that keeps ending
 * its executor), the newest older version that works is served in its place. Refused: waiting
 * for the live version alone, which made of a bad deploy an outage at the next restart.
 */

/** A deploy is warmed before it counts as ready; what is older has run elsewhere, and may start cold. */
const FRESH_MS = 10 * 60_000;

export interface MakeReadyOptions {
  readonly registry: Pick<Registry, 'get'>;
  readonly fetcher: Pick<ArtifactFetcher, 'ensure' | 'load'>;
  readonly runtime: Pick<Runtime, 'prepare' | 'apply' | 'remove'>;
  readonly ceilings: Ceilings;
  readonly failed: FailedVersions;
  /** Whether another node announces that it could not make the function ready. */
  readonly failedElsewhere: (id: FunctionId) => boolean;
  readonly region: string;
  /** For the live version, and once more for all older ones together. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class MakeReady {
  readonly #options: MakeReadyOptions;
  /** What the disk knew at the start: it ran here before, and starts when it is asked for. */
  readonly #provenHere = new Set<string>();

  constructor(options: MakeReadyOptions) {
    this.#options = options;
  }

  ranBefore(view: FunctionView): void {
    this.#provenHere.add(`${view.id}@${view.revision}`);
  }

  async remove(id: FunctionId): Promise<void> {
    await this.#options.runtime.remove(id);
    this.#options.failed.clear(id);
  }

  /** What is served keeps ending its executor: it is not tried again at this revision. */
  async lost(id: FunctionId, version: number, error: PopmeshError): Promise<void> {
    const view = this.#options.registry.get(id);
    const lost = view?.versions.find(({ number }) => number === version);
    if (view === undefined || lost === undefined) return;
    await this.#note(view, [versionName(lost)], error, view.revision);
  }

  /** Rejects with the reason of `signal` only. */
  async serve(wanted: Wanted, isServed: () => boolean, signal: AbortSignal): Promise<Outcome> {
    const { registry, failed, logger } = this.#options;
    const view = registry.get(wanted.function);
    if (view === undefined || view.revision !== wanted.revision) {
      return { error: new PopmeshError('cancelled', 'a newer revision came') };
    }
    const names = view.live.map(({ version }) => versionName(version));
    const lost = names
      .map((name) => failed.lost(view.id, name))
      .find((entry) => entry?.lostAt === view.revision);
    const error = lost?.error ?? (await this.#tryLive(view, signal));
    if (error === undefined) {
      failed.clear(view.id, names);
      return { served: { revision: view.revision, version: view.live[0]?.version.number ?? 0 } };
    }
    const isLasting = isLastingError(error);
    if (lost === undefined) {
      await this.#note(view, names, error, isPoison(error) ? view.revision : undefined);
    }
    signal.throwIfAborted();
    if (isServed()) return { error, isLasting, retry: !isLasting };
    const older = await this.#serveOlder(view, signal);
    if (older.served !== undefined) {
      logger.warn('an older version is served in place of the live one', {
        function: view.id,
        version: older.served.version,
        live: view.live.map(({ version }) => version.number).join(' '),
        reason: error.message,
      });
    }
    return { error, isLasting, retry: !isLasting || older.mayPass, served: older.served };
  }

  async #tryLive(view: FunctionView, signal: AbortSignal): Promise<PopmeshError | undefined> {
    const { clock, failed, failedElsewhere } = this.#options;
    const proven = this.#provenHere.delete(`${view.id}@${view.revision}`);
    const ageMs = clock.now() - revisionTimeMs(view.revision);
    const warm =
      (!proven && (ageMs < FRESH_MS || failedElsewhere(view.id))) ||
      view.live.some(
        ({ version }) =>
          failed.has(view.id, versionName(version)) || (version.config?.scaling?.min ?? 0) > 0,
      );
    return this.#within(signal, (inTime) =>
      this.#apply(view, view.revision, view.live, warm, inTime),
    );
  }

  /** The newest that works, of those that may run here. */
  async #serveOlder(
    view: FunctionView,
    signal: AbortSignal,
  ): Promise<Pick<Outcome, 'served'> & { readonly mayPass: boolean }> {
    const { failed, region } = this.#options;
    const live = new Set(view.live.map(({ version }) => version));
    const candidates = view.versions
      .filter(
        (version) =>
          !live.has(version) &&
          allowsRegion(version.config?.regions ?? [], region) &&
          failed.lost(view.id, versionName(version)) === undefined,
      )
      .sort((a, b) => b.number - a.number);
    let mayPass = false;
    let served: Outcome['served'];
    const late = await this.#within(signal, async (inTime) => {
      for (const version of candidates) {
        const revision = acceptedAt(version);
        const name = versionName(version);
        const warm = failed.has(view.id, name);
        const error = await this.#apply(
          view,
          revision,
          [{ version, weight: 1 }],
          warm,
          inTime,
        ).then(() => undefined, PopmeshError.from);
        if (error === undefined) {
          served = { revision, version: version.number };
          failed.clear(view.id, [name]);
          return;
        }
        inTime.throwIfAborted();
        mayPass ||= !isLastingError(error);
        await this.#note(view, [name], error, isPoison(error) ? view.revision : undefined);
      }
    });
    return { served, mayPass: mayPass || late !== undefined };
  }

  /** Undefined when it was done. Rejects only when the whole work was aborted. */
  async #within(
    signal: AbortSignal,
    work: (inTime: AbortSignal) => Promise<void>,
  ): Promise<PopmeshError | undefined> {
    const late = new AbortController();
    const deadline = this.#options.clock.setTimer(this.#options.timeoutMs, () =>
      late.abort(new PopmeshError('deadline_exceeded', 'fetching and preparing took too long')),
    );
    const either = AbortSignal.any([signal, late.signal]);
    try {
      await work(either);
      return undefined;
    } catch (caught) {
      signal.throwIfAborted();
      return PopmeshError.from(either.aborted ? either.reason : caught);
    } finally {
      deadline.cancel();
    }
  }

  async #apply(
    view: FunctionView,
    revision: bigint,
    versions: readonly LiveVersion[],
    warm: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { fetcher, runtime, ceilings, logger } = this.#options;
    const targets = [];
    for (const { version, weight } of versions) {
      const { artifact, config } = version;
      if (artifact === undefined || config === undefined) {
        throw new PopmeshError('invalid_argument', `version ${version.number} is incomplete`);
      }
      await fetcher.ensure(artifact, signal);
      const prepared = await runtime.prepare(
        { digest: artifact.digest, load: () => fetcher.load(artifact, signal), isLasting: true },
        { memoryMb: config.limits?.memoryMb ?? 0 },
        signal,
      );
      targets.push({ version: version.number, weight, prepared, config });
    }
    signal.throwIfAborted();
    await runtime.apply({ function: view.id, revision, targets, warm });
    for (const { version, config } of targets) {
      const above = ceilings(config);
      if (above.length === 0) continue;
      const { message } = aboveCeilingError(above);
      logger.warn('it runs with what is allowed here', { function: view.id, version, message });
    }
  }

  #note(
    view: FunctionView,
    versions: readonly string[],
    error: PopmeshError,
    lostAt: bigint | undefined,
  ): Promise<void> {
    const kept = view.versions.map(versionName);
    return this.#options.failed.note(view.id, { versions, kept }, error, lostAt);
  }
}

/** What keeps ending its executor. */
const isPoison = ({ details }: PopmeshError): boolean => details.poison === true;

/** A component that was refused is refused again; only its next revision can help. */
const isLastingError = (error: PopmeshError): boolean =>
  isPoison(error) || error.facts.fault === 'caller' || error.facts.fault === 'function';

import type { Clock, Logger, PopmeshError, Timer } from '@popmesh/contracts';
import type { Standing } from './standing.ts';

/**
 * When this member may be sent traffic. For the first time: what it has to do by
 * itself is done, the mesh has it (see `Standing`), its id is its own, and its clock
 * is not overruled. After that only the clock, the id and a drain take it out again:
 * a member that loses all others serves on.
 */

export type ReadinessState = 'starting' | 'ready' | 'not_ready' | 'draining' | 'stopped';

/** Until it is ready, and from then on. */
const LOOK_SOON_MS = 20;
const LOOK_EVERY_MS = 200;

export interface ReadinessOptions {
  readonly standing: Pick<Standing, 'refusal' | 'pending' | 'isLost' | 'isAlone'>;
  /** Its own work. Asked once, when the mesh has it; rejects with the end of the process only. */
  readonly settled: () => Promise<void>;
  /** What it is waiting for then. */
  readonly unsettledReason: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Others should know. */
  readonly onChanged: () => void;
}

export class Readiness {
  /** Resolves when it is ready for the first time, and when it is stopped before. */
  readonly whenReady: Promise<void>;
  /** Resolves when this process has to end by itself. */
  readonly whenLost: Promise<PopmeshError>;
  readonly #options: ReadinessOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<PopmeshError>();
  #state: ReadinessState = 'starting';
  #reason: string | undefined = 'starting';
  #settled: 'not asked' | 'waiting' | 'yes' = 'not asked';
  #timer: Timer | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.whenReady = this.#ready.promise;
    this.whenLost = this.#lost.promise;
  }

  get state(): ReadinessState {
    return this.#state;
  }

  /** Undefined when ready. */
  get reason(): string | undefined {
    return this.#reason;
  }

  start(): void {
    this.#look();
  }

  drain(): void {
    this.#end('draining');
  }

  stop(): void {
    this.#end('stopped');
  }

  #end(state: 'draining' | 'stopped'): void {
    this.#timer?.cancel();
    this.#state = state;
    this.#reason = state;
    this.#ready.resolve();
  }

  #look(): void {
    const { clock } = this.#options;
    this.#judge();
    const inMs = this.#state === 'starting' ? LOOK_SOON_MS : LOOK_EVERY_MS;
    this.#timer = clock.setTimer(inMs, () => this.#look());
  }

  #judge(): void {
    const { standing, logger, onChanged } = this.#options;
    const refusal = standing.refusal();
    if (refusal !== undefined && standing.isLost) this.#lost.resolve(refusal);
    const before = this.#state;
    if (this.#state === 'starting') {
      this.#reason = refusal?.message ?? standing.pending() ?? this.#unsettled();
      if (this.#reason !== undefined) return;
      if (standing.isAlone) logger.warn('no other member answers: serving what the disk knew');
      this.#state = 'ready';
      this.#ready.resolve();
    } else {
      this.#reason = refusal?.message;
      this.#state = refusal === undefined ? 'ready' : 'not_ready';
    }
    if (this.#state === before) return;
    if (refusal !== undefined) logger.warn('out of service', { error: refusal });
    else if (before === 'not_ready') logger.info('in service again');
    onChanged();
  }

  /** Asked only when the mesh was: what it knew has to be served, too. */
  #unsettled(): string | undefined {
    if (this.#settled === 'yes') return undefined;
    if (this.#settled === 'not asked') {
      this.#settled = 'waiting';
      const done = (): void => {
        this.#settled = 'yes';
      };
      this.#options.settled().then(done, done);
    }
    return this.#options.unsettledReason;
  }
}

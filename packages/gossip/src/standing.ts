import { type Clock, PopmeshError } from '@popmesh/contracts';
import type { Gossip } from './gossip-api.ts';

/**
 * Whether the mesh has this member: what its readiness hangs on beside its own
 * work. What is lost for a while (all others gone) does not count against one that
 * had it; a clock that is overruled and an id that another has always do.
 */

/** A member that nobody answers serves by itself what its disk knew, and not before. */
export const ALONE_AFTER_MS = 3000;
/** A first comparison of clocks takes a probe; one that fails must not hold up writes for ever. */
export const COMPARE_MS_MAX = 3000;
const POLL_MS = 20;

export interface StandingOptions {
  readonly id: string;
  readonly gossip: Pick<
    Gossip,
    'idState' | 'time' | 'joined' | 'joinFailure' | 'expectsOthers' | 'heldAnnouncement'
  >;
  /** Whether another member holds an announcement of this process. */
  readonly isHeld: () => boolean;
  /** Whether it takes part only when another holds its announcement: who is found by it does. */
  readonly mustBeHeld: boolean;
  /** Whether the disk knew what to serve. */
  readonly mayServeAlone: boolean;
  readonly clock: Clock;
}

export class Standing {
  readonly #options: StandingOptions;
  readonly #startedMs: number;

  constructor(options: StandingOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonic();
  }

  /** Why this member may not serve, however long it has done so. */
  refusal(): PopmeshError | undefined {
    const { id, gossip } = this.#options;
    const { idState } = gossip;
    if (idState.kind === 'waiting' || idState.kind === 'lost') {
      const { address, startedAtMs } = idState.rival;
      return new PopmeshError(
        'id_in_use',
        `another process with the id ${id} is alive at ${address}`,
        {
          hint: 'Stop it, or give this one an id of its own.',
          details: { address, startedAtMs },
        },
      );
    }
    const skewMs = gossip.time.skewMs();
    if (skewMs === undefined) return undefined;
    const where = skewMs > 0 ? 'ahead of' : 'behind';
    return new PopmeshError(
      'clock_skewed',
      `the clock of ${id} is ${Math.abs(skewMs)} ms ${where} the clocks of the other members`,
      {
        hint: 'Set the clock of this machine: the mesh refuses what it stamps. It goes on by itself then.',
        details: { aheadMs: skewMs },
      },
    );
  }

  /** The other with our id outlived our patience: this process should end. */
  get isLost(): boolean {
    return this.#options.gossip.idState.kind === 'lost';
  }

  /** Why this member is not ready for the first time; undefined: as far as the mesh goes, it is. */
  pending(): string | undefined {
    const { gossip, isHeld, mustBeHeld } = this.#options;
    if (gossip.idState.kind === 'asking') return 'the mesh has not said yet whether the id is free';
    if (!mustBeHeld || !gossip.expectsOthers || this.isAlone) return undefined;
    if (!gossip.joined) {
      const why = gossip.joinFailure === undefined ? '' : ` (${gossip.joinFailure})`;
      return `no other member could be reached yet${why}`;
    }
    return isHeld() ? undefined : 'no other member holds the announcement of this process yet';
  }

  /** Nobody answers, and the disk knew what to serve. */
  get isAlone(): boolean {
    const { gossip, mayServeAlone, clock } = this.#options;
    const nobody = !gossip.joined || gossip.heldAnnouncement() === undefined;
    const waitedMs = clock.monotonic() - this.#startedMs;
    return mayServeAlone && gossip.expectsOthers && nobody && waitedMs >= ALONE_AFTER_MS;
  }

  /**
   * To be asked before a change is stamped: waits until our clock was compared with
   * another's, where there is one. Throws `clock_skewed` or `id_in_use`.
   */
  async mayWrite(signal?: AbortSignal): Promise<void> {
    const { gossip, clock } = this.#options;
    const untilMs = this.#startedMs + COMPARE_MS_MAX;
    while (
      gossip.expectsOthers &&
      gossip.time.aheadMs() === undefined &&
      clock.monotonic() < untilMs
    ) {
      await clock.sleep(POLL_MS, signal);
    }
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
  }
}

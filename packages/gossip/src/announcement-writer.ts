import {
  type Clock,
  HybridClock,
  type Logger,
  type OpaqueRecord,
  PopmeshError,
  revisionTimeMs,
  type Timer,
} from '@popmesh/contracts';
import { type NodeIdentity, sealRecord } from '@popmesh/protocol';
import type { IdState } from './id-claim.ts';
import type { MeshTimeView } from './mesh-time.ts';
import type { GossipRecordTable } from './record-table.ts';

/**
 * Keeps a member's own announcement the one that the mesh holds: whatever is found
 * under our key and is not by this process is answered by a higher one, whichever
 * way it came. It is stamped in the time of the mesh, so that a member whose clock
 * is wrong can still say so. Refused: a revision from our own wall clock alone,
 * with which a wiped disk or a corrected clock left the mesh with what an earlier
 * process had said, for ever.
 */

/** The part of gossip that it needs. */
export interface AnnouncementSource {
  readonly table: GossipRecordTable;
  readonly time: MeshTimeView;
  readonly revisionAheadMaxMs: number;
  readonly idState: IdState;
  /** The highest revision of ours that a live member holds, 0 for none; undefined: nobody is there. */
  heldAnnouncement(): bigint | undefined;
  /** At each change of its kind. The returned function unsubscribes. */
  onIdChanged(listener: (state: IdState) => void): () => void;
}

export interface AnnouncementWriterOptions {
  readonly gossip: AnnouncementSource;
  readonly identity: NodeIdentity;
  readonly key: string;
  readonly describe: () => Uint8Array;
  /** Whether this process wrote it. */
  readonly isOwn: (payload: Uint8Array) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOK_EVERY_MS = 500;
/** Two that answer each other do it no more often. */
const ANSWER_EVERY_MS = 250;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
/** What nobody holds after so long is said again, above what they may hold against it. */
const UNHEARD_MS = 3000;

export class AnnouncementWriter {
  readonly #options: AnnouncementWriterOptions;
  /** Revision of the first since another was found under our key. */
  #since: bigint | undefined;
  #last: { readonly revision: bigint; readonly atMs: number } | undefined;
  /** The highest that a peer said to hold. */
  #heard = 0n;
  #failures = 0;
  #repeats = 0;
  #retryAtMs = Number.POSITIVE_INFINITY;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #superseded = false;
  #stopped = false;
  #writing: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #unsubscribe: (() => void)[] = [];

  constructor(options: AnnouncementWriterOptions) {
    this.#options = options;
  }

  start(): void {
    const { gossip, key } = this.#options;
    this.#unsubscribe = [
      gossip.table.onApplied((record, origin) => {
        if (record.key === key && origin !== 'local') this.#found(record);
      }),
      gossip.onIdChanged(({ kind }) => {
        if (kind === 'held') void this.announce();
      }),
    ];
    void this.announce();
    this.#lookLater();
  }

  /** Whether another member holds an announcement of this process. */
  get isHeld(): boolean {
    const held = this.#options.gossip.heldAnnouncement();
    const [since, last] = [this.#since, this.#last?.revision];
    if (held === undefined || since === undefined || last === undefined) return false;
    // Above ours it would be another's, which is answered presently.
    return held >= since && held <= last;
  }

  /** Resolves when it is in the own table, or could not be; never throws. */
  announce(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { gossip, identity, key, describe, clock, logger } = this.#options;
    const { table, idState } = gossip;
    // One that leaves while it waited for its id never had anything to say.
    const mayLeave = idState.kind === 'yielded' && this.#last !== undefined;
    if (this.#superseded || (idState.kind !== 'held' && !mayLeave)) return;
    try {
      const held = table.get(key);
      if (held !== undefined && this.#isRefused(held.revision)) {
        table.withdraw(key);
        logger.warn('what was announced is in the future, and is taken back', {
          atMs: revisionTimeMs(held.revision),
        });
      }
      const revisions = new HybridClock(gossip.time);
      revisions.observe(table.get(key)?.revision ?? 0n);
      if (!this.#isRefused(this.#heard)) revisions.observe(this.#heard);
      const revision = revisions.next();
      const record = sealRecord(identity, key, revision, describe());
      // What is found while it is applied asks for another try, and must not be forgotten.
      this.#retryAtMs = Number.POSITIVE_INFINITY;
      if ((await table.apply(record, 'local')) !== 'applied') {
        throw new PopmeshError('conflict', 'another announcement came first');
      }
      if (table.get(key)?.revision === revision) this.#since ??= revision;
      this.#last = { revision, atMs: clock.monotonic() };
      this.#failures = 0;
    } catch (error) {
      const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#failures, 10));
      this.#failures += 1;
      this.#retryAtMs = clock.monotonic() + waitMs;
      logger.warn('this member could not announce itself, and tries again', {
        tries: this.#failures,
        error,
      });
    }
  }

  /** Another process wrote it; or this one did, and it was taken back. */
  #found({ payload }: OpaqueRecord): void {
    const { gossip, isOwn } = this.#options;
    if (!isOwn(payload)) {
      // The new process that replaces us speaks now.
      if (gossip.idState.kind === 'yielded') this.#superseded = true;
      this.#since = undefined;
    }
    this.#answer();
  }

  #answer(): void {
    const nowMs = this.#options.clock.monotonic();
    const atMs = Math.max(nowMs, this.#answeredAtMs + ANSWER_EVERY_MS);
    if (atMs > nowMs) {
      this.#retryAtMs = Math.min(this.#retryAtMs, atMs);
      return;
    }
    this.#answeredAtMs = nowMs;
    void this.announce();
  }

  #look(): void {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs >= this.#retryAtMs) {
      this.#retryAtMs = Number.POSITIVE_INFINITY;
      this.#answer();
      return;
    }
    const held = this.#options.gossip.heldAnnouncement();
    if (held === undefined || this.#last === undefined) return;
    const { revision, atMs } = this.#last;
    if (held === revision) this.#repeats = 0;
    else if (held > revision && !this.#isRefused(held)) {
      this.#heard = held;
      this.#since = undefined;
      this.#answer();
    } else if (held < revision && nowMs - atMs >= UNHEARD_MS * 2 ** Math.min(this.#repeats, 4)) {
      this.#repeats += 1;
      this.#answer();
    }
  }

  /** Whether the others would refuse it as from the future. */
  #isRefused(revision: bigint): boolean {
    const { gossip } = this.#options;
    return revisionTimeMs(revision) > gossip.time.now() + gossip.revisionAheadMaxMs;
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setTimer(LOOK_EVERY_MS, () => {
      this.#look();
      this.#lookLater();
    });
  }
}

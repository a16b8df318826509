import type { Clock, HybridClock, Logger, RecordTable, Timer } from '@popmesh/contracts';
import {
  create,
  type MessageInitShape,
  NodeAnnouncementSchema,
  type NodeIdentity,
  nodeKey,
  sealRecord,
  toBinary,
} from '@popmesh/protocol';

/**
 * Keeps this node's record in the table true: soon after something changed, and
 * for the load once a second at most. Changes within the debounce become one
 * record, because a deploy of many functions would else be as many announcements.
 */

export type Announcement = MessageInitShape<typeof NodeAnnouncementSchema>;

const DEBOUNCE_MS = 100;
const LOAD_EVERY_MS = 1000;
/** A load that moved less is not news. */
const LOAD_STEP = 0.05;
/** What load news may cost the mesh: a node with many functions has a large record. */
const LOAD_NEWS_BYTES_PER_MS = 16;

export interface AnnouncerOptions {
  readonly identity: NodeIdentity;
  readonly table: Pick<RecordTable, 'apply'>;
  readonly hybridClock: HybridClock;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly describe: () => Announcement;
  readonly load: () => number;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  #debounce: Timer | undefined;
  #ticker: Timer | undefined;
  #stopped = false;
  #announcedLoad = 0;
  #announcedAtMs = 0;
  #announcedBytes = 0;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  start(): void {
    void this.announceNow();
    this.#tick();
  }

  /** Something that others should know has changed. */
  changed(): void {
    if (this.#stopped || this.#debounce !== undefined) return;
    this.#debounce = this.#options.clock.setTimer(DEBOUNCE_MS, () => {
      this.#debounce = undefined;
      void this.announceNow();
    });
  }

  /** Resolves when the record is in the table; never throws. */
  announceNow(): Promise<void> {
    this.#applying = this.#applying.then(async () => {
      const { identity, table, hybridClock, clock, logger, describe } = this.#options;
      try {
        const announcement = describe();
        const payload = toBinary(
          NodeAnnouncementSchema,
          create(NodeAnnouncementSchema, announcement),
        );
        this.#announcedLoad = announcement.load ?? 0;
        this.#announcedAtMs = clock.monotonic();
        this.#announcedBytes = payload.length;
        await table.apply(
          sealRecord(identity, nodeKey(identity.id), hybridClock.next(), payload),
          'local',
        );
      } catch (error) {
        logger.error('this node could not announce itself', { error });
      }
    });
    return this.#applying;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#debounce?.cancel();
    this.#ticker?.cancel();
    await this.#applying;
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#ticker = this.#options.clock.setTimer(LOAD_EVERY_MS, () => {
      const load = this.#options.load();
      const sinceMs = this.#options.clock.monotonic() - this.#announcedAtMs;
      const due = sinceMs >= this.#announcedBytes / LOAD_NEWS_BYTES_PER_MS;
      if (due && Math.abs(load - this.#announcedLoad) >= LOAD_STEP) void this.announceNow();
      this.#tick();
    });
  }
}

import type { Clock, Logger, Timer } from '@popmesh/contracts';
import { type AnnouncementSource, AnnouncementWriter } from '@popmesh/gossip';
import {
  create,
  fromBinary,
  type MessageInitShape,
  NodeAnnouncementSchema,
  type NodeIdentity,
  nodeKey,
  toBinary,
} from '@popmesh/protocol';

/**
 * Keeps this node's record in the mesh true: soon after something changed, and
 * for the load once a second at most. That it holds is the writer's work. Changes within the debounce become one
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
  readonly gossip: AnnouncementSource & { readonly process: bigint };
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
  readonly #writer: AnnouncementWriter;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    const { gossip, identity } = options;
    this.#writer = new AnnouncementWriter({
      ...options,
      key: nodeKey(identity.id),
      describe: () => this.#describe(),
      isOwn: (payload) => processOf(payload) === gossip.process,
    });
  }

  start(): void {
    this.#writer.start();
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
    return this.#writer.announce();
  }

  /** Whether another member holds an announcement of this process. */
  get isHeld(): boolean {
    return this.#writer.isHeld;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#debounce?.cancel();
    this.#ticker?.cancel();
    await this.#writer.stop();
  }

  #describe(): Uint8Array {
    const announcement = this.#options.describe();
    const payload = toBinary(NodeAnnouncementSchema, create(NodeAnnouncementSchema, announcement));
    this.#announcedLoad = announcement.load ?? 0;
    this.#announcedAtMs = this.#options.clock.monotonic();
    this.#announcedBytes = payload.length;
    return payload;
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

function processOf(payload: Uint8Array): bigint | undefined {
  try {
    return fromBinary(NodeAnnouncementSchema, payload).process;
  } catch {
    return undefined;
  }
}

import type {
  Clock,
  Logger,
  Metrics,
  OpaqueRecord,
  Random,
  RecordResolver,
  Startable,
} from '@popmesh/contracts';
import type { AnnouncementSource } from './announcement-writer.ts';
import type { GossipConfig, GossipConfigInput } from './config.ts';
import type { Member, MemberRole } from './member.ts';
import type { MeshTimeView } from './mesh-time.ts';
import type { RecordPersistence } from './persistence.ts';
import type { GossipRecordTable } from './record-table.ts';
import type { GossipHandlers, GossipTransport } from './transport.ts';

/** What the rooms above give to gossip and get from it. */

export type MemberListener = (member: Member, previous: Member | undefined) => void;

export interface GossipOptions {
  readonly self: {
    readonly id: string;
    readonly role: MemberRole;
    /** host:port of the own Mesh service; a function when the port is known at start only. */
    readonly address: string | (() => string);
    readonly pop: string;
  };
  readonly seeds: readonly string[];
  /** What of our own (a certificate) may be why others do not talk to us; for the log. */
  readonly diagnose?: (() => readonly string[]) | undefined;
  /** Decodes and verifies; throws for what may not be passed on. */
  readonly openEnvelope: (envelope: Uint8Array) => OpaqueRecord;
  /** Joins records that were made without knowing of each other; for members that may sign them. */
  readonly resolver?: RecordResolver;
  readonly transport: GossipTransport;
  readonly persistence: RecordPersistence;
  readonly config?: GossipConfigInput | GossipConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Gossip extends Startable, AnnouncementSource {
  /** What time it is in the mesh, and how far our clock is from it. */
  readonly time: MeshTimeView;
  /** Random, made with this object: tells two processes with one id apart. */
  readonly process: bigint;
  /** Why the last try to reconcile with somebody failed. */
  readonly joinFailure: string | undefined;
  /** Whether there are, or should be, other members. */
  readonly expectsOthers: boolean;
  /** We are leaving: a new process may take our id over. */
  yieldId(): void;
  /** Empty until started; `forget` is for tombstones that are old enough. */
  readonly table: GossipRecordTable;
  /** To be served by the owner of the gRPC server; refuse with `unavailable` unless running. */
  readonly handlers: GossipHandlers;
  /** Whether a full sync with at least one other member has succeeded since the start. */
  readonly joined: boolean;
  /** Self included. */
  members(): Member[];
  /** At each change of state, address or incarnation. The returned function unsubscribes. */
  onMemberChanged(listener: MemberListener): () => void;
  /** Tells all, so that nobody suspects; call before `stop`. */
  leave(): Promise<void>;
  syncNow(): Promise<void>;
}

import {
  type Clock,
  type FunctionId,
  type Logger,
  type OpaqueRecord,
  type RecordTable,
  revisionTimeMs,
  type Timer,
} from '@popmesh/contracts';
import {
  FUNCTION_PREFIX,
  FunctionRecordSchema,
  fromBinary,
  functionIdOfKey,
  HOST_PREFIX,
  type HostClaim,
  HostClaimSchema,
  isClaimOf,
  NODE_PREFIX,
  NodeAnnouncementSchema,
} from '@popmesh/protocol';
import type { FunctionState, MemberState, MeshChange, MeshView, NodeState } from './mesh-view.ts';
import { type ForgettingTable, forgetTombstones } from './tombstones.ts';

/** The record table and the member list of gossip, decoded. Nothing is kept twice but node states. */

export interface MemberSource {
  members(): readonly { readonly id: string; readonly state: MemberState }[];
  onMemberChanged(
    listener: (member: { readonly id: string; readonly state: MemberState }) => void,
  ): () => void;
}

/** Gossip drops announcements of the long dead without a word; this finds out. */
const RECONCILE_MS = 30_000;
/** Looking for tombstones reads every old record. */
const FORGET_EVERY_MS = 10 * 60_000;

export class TableMeshView implements MeshView {
  readonly #table: RecordTable & ForgettingTable;
  readonly #members: MemberSource;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #nodes = new Map<string, NodeState>();
  readonly #listeners = new Set<(change: MeshChange) => void>();
  readonly #stops: (() => void)[] = [];
  #timer: Timer | undefined;
  #forgetTimer: Timer | undefined;

  constructor(
    table: RecordTable & ForgettingTable,
    members: MemberSource,
    clock: Clock,
    logger: Logger,
  ) {
    this.#table = table;
    this.#members = members;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    this.#stops.push(
      this.#table.onApplied((record) => this.#applied(record)),
      this.#members.onMemberChanged(({ id }) => this.#memberChanged(id)),
    );
    for (const record of this.#table.list(NODE_PREFIX)) this.#applied(record);
    this.#reconcileLater();
    this.#forgetLater();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#forgetTimer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
  }

  nodes(): Iterable<NodeState> {
    return this.#nodes.values();
  }

  *functions(): Generator<FunctionState> {
    for (const record of this.#table.list(FUNCTION_PREFIX)) {
      const state = this.#decodeFunction(record);
      if (state !== undefined) yield state;
    }
  }

  *claims(): Generator<HostClaim> {
    for (const record of this.#table.list(HOST_PREFIX)) {
      const claim = this.#decodeClaim(record);
      if (claim !== undefined) yield claim;
    }
  }

  onChanged(listener: (change: MeshChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #applied(record: OpaqueRecord): void {
    if (record.key.startsWith(FUNCTION_PREFIX)) {
      const state = this.#decodeFunction(record);
      if (state !== undefined) this.#tell({ kind: 'function', function: state });
    } else if (record.key.startsWith(HOST_PREFIX)) {
      const claim = this.#decodeClaim(record);
      if (claim !== undefined) this.#tell({ kind: 'host', claim });
    } else if (record.key.startsWith(NODE_PREFIX)) {
      const id = record.key.slice(NODE_PREFIX.length);
      try {
        const announcement = fromBinary(NodeAnnouncementSchema, record.payload);
        if (announcement.id !== id) return;
        this.#setNode({ announcement, member: this.#stateOf(id) });
      } catch (error) {
        this.#logger.warn('a node announcement could not be read', { key: record.key, error });
      }
    }
  }

  #memberChanged(id: string): void {
    const held = this.#nodes.get(id);
    if (held === undefined) return;
    const member = this.#stateOf(id);
    if (member !== held.member) this.#setNode({ announcement: held.announcement, member });
  }

  #setNode(node: NodeState): void {
    this.#nodes.set(node.announcement.id, node);
    this.#tell({ kind: 'node', node });
  }

  /** Unknown to membership means known from disk or by hearsay: to be asked, not to be shunned. */
  #stateOf(id: string): MemberState {
    return this.#members.members().find((member) => member.id === id)?.state ?? 'alive';
  }

  #decodeFunction(record: OpaqueRecord): FunctionState | undefined {
    const id = functionIdOfKey(record.key) as FunctionId;
    try {
      const decoded = fromBinary(FunctionRecordSchema, record.payload);
      if (`${decoded.namespace}/${decoded.name}` === id || decoded.deleted) {
        return { id, revision: record.revision, record: decoded };
      }
      this.#logger.warn('a function record does not match its key', { key: record.key });
    } catch (error) {
      const atMs = revisionTimeMs(record.revision);
      this.#logger.warn('a function record could not be read', { key: record.key, atMs, error });
    }
    return undefined;
  }

  #decodeClaim({ key, payload }: OpaqueRecord): HostClaim | undefined {
    try {
      const claim = fromBinary(HostClaimSchema, payload);
      if (isClaimOf(claim, key)) return claim;
      this.#logger.warn('a host claim does not match its key', { key });
    } catch (error) {
      this.#logger.warn('a host claim could not be read', { key, error });
    }
    return undefined;
  }

  #reconcileLater(): void {
    this.#timer = this.#clock.setTimer(RECONCILE_MS, () => {
      for (const id of [...this.#nodes.keys()]) {
        if (this.#table.get(`${NODE_PREFIX}${id}`) !== undefined) continue;
        this.#nodes.delete(id);
        this.#tell({ kind: 'node-gone', id });
      }
      this.#reconcileLater();
    });
  }

  #forgetLater(): void {
    this.#forgetTimer = this.#clock.setTimer(FORGET_EVERY_MS, () => {
      this.#forgetLater();
      forgetTombstones(this.#table, this.#clock.now())
        .then((gone) => {
          for (const claim of gone) this.#tell({ kind: 'host-gone', ...claim });
        })
        .catch((error) => this.#logger.warn('old tombstones could not be forgotten', { error }));
    });
  }

  #tell(change: MeshChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

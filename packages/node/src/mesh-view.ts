import type { OpaqueRecord, RecordTable } from '@popmesh/contracts';
import {
  fromBinary,
  GATEWAY_PREFIX,
  type GatewayAnnouncement,
  GatewayAnnouncementSchema,
  NODE_PREFIX,
  type NodeAnnouncement,
  NodeAnnouncementSchema,
} from '@popmesh/protocol';

/**
 * What the nodes and gateways say of themselves (announcements) joined with what
 * the others say of them (membership). Neither alone is enough: a dead node still
 * announces that it is ready, and a member does not say what it serves.
 */

export type PeerState = 'alive' | 'suspect' | 'dead' | 'left';

export interface MemberFacts {
  readonly id: string;
  readonly role: 'node' | 'gateway';
  readonly address: string;
  readonly pop: string;
  readonly state: PeerState;
}

export interface NodeView {
  readonly announcement: NodeAnnouncement;
  /** `alive` for this node itself. */
  readonly member: PeerState;
}

export interface GatewayView {
  readonly announcement: GatewayAnnouncement;
  readonly member: PeerState;
}

/** Announcements are decoded again for each question otherwise; they change once a second at most. */
class DecodedRecords<T> {
  readonly #decode: (payload: Uint8Array) => T;
  #held = new Map<string, { readonly revision: bigint; readonly value: T | undefined }>();

  constructor(decode: (payload: Uint8Array) => T) {
    this.#decode = decode;
  }

  all(records: readonly OpaqueRecord[]): T[] {
    const next = new Map<string, { revision: bigint; value: T | undefined }>();
    for (const record of records) {
      const held = this.#held.get(record.key);
      next.set(
        record.key,
        held?.revision === record.revision
          ? held
          : { revision: record.revision, value: this.#try(record.payload) },
      );
    }
    // Replaced as a whole, so that what left the table leaves here too.
    this.#held = next;
    return [...next.values()].flatMap(({ value }) => (value === undefined ? [] : [value]));
  }

  #try(payload: Uint8Array): T | undefined {
    try {
      return this.#decode(payload);
    } catch {
      // Signed by its owner, but not readable: from a newer version, or broken. Not ours to judge.
      return undefined;
    }
  }
}

/**
 * Of one that membership does not know: who left is forgotten over a restart, and its last words
 * say that it was leaving. Of all others nobody heard again.
 */
const unknownState = ({ state }: { readonly state: string }): PeerState =>
  state === 'draining' || state === 'stopped' ? 'left' : 'dead';

export interface MeshViewOptions {
  readonly selfId: string;
  readonly table: Pick<RecordTable, 'list'>;
  readonly members: () => readonly MemberFacts[];
}

export class MeshView {
  readonly #options: MeshViewOptions;
  readonly #nodes = new DecodedRecords((payload) => fromBinary(NodeAnnouncementSchema, payload));
  readonly #gateways = new DecodedRecords((payload) =>
    fromBinary(GatewayAnnouncementSchema, payload),
  );

  constructor(options: MeshViewOptions) {
    this.#options = options;
  }

  /** Ordered by id; with those that died or left, as long as their record is kept. */
  nodes(): NodeView[] {
    const states = this.#states('node');
    return this.#nodes.all(this.#options.table.list(NODE_PREFIX)).map((announcement) => ({
      announcement,
      member:
        announcement.id === this.#options.selfId
          ? 'alive'
          : (states.get(announcement.id) ?? unknownState(announcement)),
    }));
  }

  gateways(): GatewayView[] {
    const states = this.#states('gateway');
    return this.#gateways.all(this.#options.table.list(GATEWAY_PREFIX)).map((announcement) => ({
      announcement,
      member: states.get(announcement.id) ?? unknownState(announcement),
    }));
  }

  /** What the gateways are called by: their domains, and the hosts of their addresses. */
  gatewayNames(): { readonly domains: string[]; readonly hosts: string[] } {
    const announced = this.gateways().map(({ announcement }) => announcement);
    return {
      domains: announced.flatMap(({ domain }) => (domain === '' ? [] : [domain])),
      hosts: announced.map(({ address }) => address.replace(/:\d+$/, '').toLowerCase()),
    };
  }

  /** Other nodes that may answer a call now. */
  reachableNodes(): NodeView[] {
    return this.nodes().filter(
      ({ announcement, member }) =>
        announcement.id !== this.#options.selfId && (member === 'alive' || member === 'suspect'),
    );
  }

  #states(role: MemberFacts['role']): Map<string, PeerState> {
    return new Map(
      this.#options
        .members()
        .flatMap((member) => (member.role === role ? [[member.id, member.state] as const] : [])),
    );
  }
}

/** Whether another member that is alive announces that it could not make the function ready. */
export const failedElsewhere = (view: MeshView, fn: string): boolean =>
  view
    .reachableNodes()
    .some(({ announcement }) => announcement.failures.some((failed) => failed.function === fn));

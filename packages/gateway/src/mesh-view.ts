import type { FunctionId } from '@popmesh/contracts';
import type { FunctionRecord, HostClaim, NodeAnnouncement } from '@popmesh/protocol';

/**
 * All that the gateway wants to know of the mesh, decoded. Declared here so that
 * routing and selection can be tested without gossip, sockets or signatures.
 */

export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

export interface NodeState {
  readonly announcement: NodeAnnouncement;
  /** What membership says. A hint: the data plane itself is asked before it counts. */
  readonly member: MemberState;
}

export interface FunctionState {
  readonly id: FunctionId;
  readonly revision: bigint;
  readonly record: FunctionRecord;
}

export type MeshChange =
  | { readonly kind: 'node'; readonly node: NodeState }
  | { readonly kind: 'node-gone'; readonly id: string }
  | { readonly kind: 'function'; readonly function: FunctionState }
  | { readonly kind: 'host'; readonly claim: HostClaim }
  | { readonly kind: 'host-gone'; readonly host: string; readonly namespace: string };

export interface MeshView {
  nodes(): Iterable<NodeState>;
  functions(): Iterable<FunctionState>;
  /** Claims to custom hosts, released ones too. */
  claims(): Iterable<HostClaim>;
  /** Called after the change is visible in `nodes`, `functions` and `claims`. */
  onChanged(listener: (change: MeshChange) => void): () => void;
}

/** For tests, and for whoever wants a gateway in front of a fixed list. */
export class MemoryMeshView implements MeshView {
  readonly #nodes = new Map<string, NodeState>();
  readonly #functions = new Map<string, FunctionState>();
  readonly #claims = new Map<string, HostClaim>();
  readonly #listeners = new Set<(change: MeshChange) => void>();

  nodes(): Iterable<NodeState> {
    return this.#nodes.values();
  }

  functions(): Iterable<FunctionState> {
    return this.#functions.values();
  }

  claims(): Iterable<HostClaim> {
    return this.#claims.values();
  }

  onChanged(listener: (change: MeshChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setNode(announcement: NodeAnnouncement, member: MemberState = 'alive'): void {
    const node = { announcement, member };
    this.#nodes.set(announcement.id, node);
    this.#tell({ kind: 'node', node });
  }

  removeNode(id: string): void {
    this.#nodes.delete(id);
    this.#tell({ kind: 'node-gone', id });
  }

  setFunction(state: FunctionState): void {
    this.#functions.set(state.id, state);
    this.#tell({ kind: 'function', function: state });
  }

  setClaim(claim: HostClaim): void {
    this.#claims.set(`${claim.host}/${claim.namespace}`, claim);
    this.#tell({ kind: 'host', claim });
  }

  #tell(change: MeshChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/**
 * The unit that gossip and JetStream both carry: a key, a revision that only
 * grows, and bytes that the carriers do not understand. `mergeRecord` is the
 * one way to apply, whichever of the ways to learn delivered it.
 */

export interface OpaqueRecord {
  readonly key: string;
  /** Hybrid logical clock: unix milliseconds << 16 | counter. */
  readonly revision: bigint;
  readonly payload: Uint8Array;
  /** The signed envelope, exactly as received; what is stored and passed on. */
  readonly envelope: Uint8Array;
}

export type MergeOutcome = 'applied' | 'equal' | 'stale';

/**
 * Higher revision wins; on a tie the larger envelope in byte order wins, so that
 * two nodes that accepted different records at one revision agree in any order.
 */
export function mergeRecord(held: OpaqueRecord | undefined, incoming: OpaqueRecord): MergeOutcome {
  if (held === undefined) return 'applied';
  if (incoming.revision !== held.revision) {
    return incoming.revision > held.revision ? 'applied' : 'stale';
  }
  const order = compareBytes(incoming.envelope, held.envelope);
  if (order === 0) return 'equal';
  return order > 0 ? 'applied' : 'stale';
}

/**
 * Looks into the records of its keys and joins two that were made without knowing of each
 * other, so that the lower one's content is not lost. Asked before every record of such a key is
 * applied. Joining the same two gives the same revision and payload wherever it is done.
 */
export interface RecordResolver {
  owns(key: string): boolean;
  /** The joined record; undefined where `mergeRecord` loses nothing. */
  resolve(held: OpaqueRecord, incoming: OpaqueRecord): OpaqueRecord | undefined;
}

/** Lexicographic; negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * The record table as the rooms above see it: gossip implements it, replication
 * and node use it. Applied records with a durable key are on disk before the
 * promise resolves ("acknowledged means durable").
 */
export interface RecordTable {
  get(key: string): OpaqueRecord | undefined;
  /** Ordered by key. */
  list(prefix: string): OpaqueRecord[];
  /** `origin` keeps a record from being sent straight back to where it came from. */
  apply(record: OpaqueRecord, origin: RecordOrigin): Promise<MergeOutcome>;
  /** Called after a record was applied. The returned function unsubscribes. */
  onApplied(listener: (record: OpaqueRecord, origin: RecordOrigin) => void): () => void;
}

export type RecordOrigin = 'local' | 'gossip' | 'jetstream' | 'disk';

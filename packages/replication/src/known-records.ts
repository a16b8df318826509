import { xxh3 } from '@node-rs/xxhash';
import type { OpaqueRecord } from '@popmesh/contracts';

/**
 * What the bucket is believed to hold, and what must be read to be sure. A
 * stream numbers its messages without gaps, so three numbers from one cheap
 * request (when it was created, its last sequence, how many keys) tell
 * whether anything was missed, lost, emptied or restored from an old copy.
 * Refused: reading the whole bucket each time. No I/O, no clock.
 */

/** The numbers that JetStream tells about a stream. */
export interface StreamFacts {
  /** Changes when the stream is made anew. */
  readonly createdAt: string;
  readonly lastSequence: number;
  readonly keys: number;
}

export interface ScanPlan {
  /** First sequence to read; 1 with `full`. */
  readonly fromSequence: number;
  /** Forget what was remembered first. */
  readonly full: boolean;
}

interface KnownRecord {
  readonly sequence: number;
  /** Undefined: a message that is no record of ours, or a deletion mark. */
  readonly revision: bigint | undefined;
  readonly digest: bigint;
}

const digestOf = (envelope: Uint8Array): bigint => xxh3.xxh64(envelope);

export class KnownRecords {
  readonly #records = new Map<string, KnownRecord>();
  #createdAt: string | undefined;
  #scannedTo = 0;

  /** What to read, given what the stream says of itself; undefined when nothing was missed. */
  plan(facts: StreamFacts, distrust = false): ScanPlan | undefined {
    const whole: ScanPlan = { fromSequence: 1, full: true };
    if (distrust || facts.createdAt !== this.#createdAt) return whole;
    // Sequences only grow: this is an older copy.
    if (facts.lastSequence < this.#scannedTo) return whole;
    if (facts.lastSequence > this.#scannedTo) {
      return { fromSequence: this.#scannedTo + 1, full: false };
    }
    // Fewer keys: some were purged or expired, more is a surprise.
    return facts.keys === this.#records.size ? undefined : whole;
  }

  begin(plan: ScanPlan): void {
    if (!plan.full) return;
    this.#records.clear();
    this.#scannedTo = 0;
    this.#createdAt = undefined;
  }

  /** `facts` are those the plan was made from: what came later is read by the next plan. */
  finish(facts: StreamFacts): void {
    this.#createdAt = facts.createdAt;
    this.#scannedTo = Math.max(this.#scannedTo, facts.lastSequence);
  }

  saw(sequence: number, record: OpaqueRecord): void {
    this.#set(record.key, sequence, record.revision, digestOf(record.envelope));
  }

  /** The message is there, and is nothing that we could ever apply. */
  sawForeign(key: string, sequence: number): void {
    this.#set(key, sequence, undefined, 0n);
  }

  forget(key: string): void {
    this.#records.delete(key);
  }

  wrote(sequence: number, record: OpaqueRecord): void {
    this.saw(sequence, record);
    if (sequence === this.#scannedTo + 1) this.#scannedTo = sequence;
  }

  /** What a compare-and-set must expect; 0 means no message. */
  sequenceOf(key: string): number {
    return this.#records.get(key)?.sequence ?? 0;
  }

  /** Whether the bucket has this record or a newer one. A tie with other bytes is for the writer. */
  holds(record: OpaqueRecord): boolean {
    const known = this.#records.get(record.key);
    if (known?.revision === undefined) return false;
    if (known.revision !== record.revision) return known.revision > record.revision;
    return known.digest === digestOf(record.envelope);
  }

  get size(): number {
    return this.#records.size;
  }

  #set(key: string, sequence: number, revision: bigint | undefined, digest: bigint): void {
    if (sequence < this.sequenceOf(key)) return;
    this.#records.set(key, { sequence, revision, digest });
  }
}

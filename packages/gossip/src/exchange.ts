import { type Logger, type OpaqueRecord, PopmeshError } from '@popmesh/contracts';
import type { MemberUpdate, SignedRecord } from '@popmesh/protocol';
import type { Dissemination } from './dissemination.ts';
import type { GossipMetrics } from './gossip-metrics.ts';
import type { Member } from './member.ts';
import type { Membership } from './membership.ts';
import type { GossipRecordTable } from './record-table.ts';
import { fromUpdate, toEnvelope, toSigned, toUpdate } from './wire.ts';

/** What every message carries both ways, whichever call it rides on: statements and records. */

export interface ExchangeParts {
  readonly membership: Membership;
  readonly dissemination: Dissemination;
  readonly table: GossipRecordTable;
  readonly openEnvelope: (envelope: Uint8Array) => OpaqueRecord;
  readonly logger: Logger;
  readonly metrics: GossipMetrics;
  /** Monotonic. */
  readonly now: () => number;
  /** To be called after the view may have changed. */
  readonly changed: () => void;
}

export class Exchange {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /**
   * Ourselves first, so that a stranger knows us; then what we wrongly or rightly
   * believe of the other, so that it can refute, or find out that another has its
   * id; then news.
   */
  updatesFor(id: string, saidOfItself: readonly MemberUpdate[] = []) {
    const { membership, dissemination } = this.#parts;
    const belief = membership.get(id);
    const said = saidOfItself.find((update) => update.id === id);
    const agrees = said === undefined || said.address === belief?.address;
    const about = belief === undefined || (belief.state === 'alive' && agrees) ? [] : [belief];
    const news = dissemination.takeUpdates(membership.live().length);
    const self = membership.isSilent ? [] : [membership.self];
    const known = new Set([membership.self.id, id]);
    return [...self, ...about, ...news.filter((member) => !known.has(member.id))].map(toUpdate);
  }

  allMembers() {
    const { membership } = this.#parts;
    const { self, isSilent } = membership;
    const members = membership.members();
    return (isSilent ? members.filter(({ id }) => id !== self.id) : members).map(toUpdate);
  }

  /** How we sign our messages: nameless while another may have our id. */
  get from(): string {
    const { isSilent, self } = this.#parts.membership;
    return isSilent ? '' : self.id;
  }

  recordsFor(id: string, bytesMax: number): OpaqueRecord[] {
    return this.#parts.dissemination.recordsFor(id, bytesMax);
  }

  signed(records: readonly OpaqueRecord[]): SignedRecord[] {
    return records.map((record) => toSigned(record.envelope));
  }

  /** The other side has them. */
  acknowledged(id: string, records: readonly OpaqueRecord[]): void {
    for (const { key, revision } of records) {
      this.#parts.dissemination.markHolder(key, revision, id);
    }
  }

  takeUpdates(updates: readonly MemberUpdate[]): void {
    const { membership, now, changed } = this.#parts;
    membership.receive(
      updates.map(fromUpdate).filter((member): member is Member => member !== undefined),
      now(),
    );
    changed();
  }

  /** Resolves when all that were new are durable. Returns how many changed the table. */
  async takeRecords(from: string, signed: readonly SignedRecord[]): Promise<number> {
    const outcomes = await Promise.all(signed.map((record) => this.#takeRecord(from, record)));
    return outcomes.filter(Boolean).length;
  }

  async #takeRecord(from: string, signed: SignedRecord): Promise<boolean> {
    const { table, dissemination, openEnvelope, logger, metrics } = this.#parts;
    try {
      const envelope = toEnvelope(signed);
      const known = table.isKnown(signed.key, signed.revision, envelope);
      if (!known) {
        const outcome = await table.apply(openEnvelope(envelope), 'gossip');
        dissemination.markHolder(signed.key, signed.revision, from);
        return outcome === 'applied';
      }
      dissemination.markHolder(signed.key, signed.revision, from);
      return false;
    } catch (caught) {
      const error = PopmeshError.from(caught);
      metrics.recordRefused(error.code);
      logger.warn('a record was refused', {
        key: signed.key,
        from,
        code: error.code,
        error: error.message,
      });
      return false;
    }
  }
}

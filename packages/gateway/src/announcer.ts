import type { Clock, Logger, RecordTable } from '@popmesh/contracts';
import { HybridClock } from '@popmesh/contracts';
import {
  create,
  GatewayAnnouncementSchema,
  gatewayKey,
  type MessageInitShape,
  type NodeIdentity,
  sealRecord,
  toBinary,
} from '@popmesh/protocol';

/** This gateway's own record in the table, written at each change of state. */
export class Announcer {
  readonly #identity: NodeIdentity;
  readonly #table: RecordTable;
  readonly #revisions: HybridClock;
  readonly #logger: Logger;
  readonly #describe: () => MessageInitShape<typeof GatewayAnnouncementSchema>;

  constructor(parts: {
    readonly identity: NodeIdentity;
    readonly table: RecordTable;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly describe: () => MessageInitShape<typeof GatewayAnnouncementSchema>;
  }) {
    this.#identity = parts.identity;
    this.#table = parts.table;
    this.#logger = parts.logger;
    this.#describe = parts.describe;
    this.#revisions = new HybridClock(parts.clock);
  }

  /** Never throws: a gateway that cannot announce itself still serves. */
  async announce(): Promise<void> {
    const { id } = this.#identity;
    const key = gatewayKey(id);
    try {
      // What an earlier life said must not win over this one, even if the wall clock went back.
      const held = this.#table.get(key);
      if (held !== undefined) this.#revisions.observe(held.revision);
      const payload = toBinary(
        GatewayAnnouncementSchema,
        create(GatewayAnnouncementSchema, this.#describe()),
      );
      const record = sealRecord(this.#identity, key, this.#revisions.next(), payload);
      await this.#table.apply(record, 'local');
    } catch (error) {
      this.#logger.warn('this gateway could not announce itself', { error });
    }
  }
}

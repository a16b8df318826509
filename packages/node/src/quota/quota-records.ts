import {
  type HybridClock,
  isName,
  type Logger,
  type OpaqueRecord,
  PopmeshError,
  type RecordTable,
  revisionTimeMs,
} from '@popmesh/contracts';
import {
  create,
  fromBinary,
  type NamespaceQuota,
  NamespaceQuotaSchema,
  type NodeIdentity,
  QUOTA_PREFIX,
  quotaKey,
  sealRecord,
  toBinary,
} from '@popmesh/protocol';
import { QUOTA_ATTEMPTS_MAX, QUOTAS_MAX } from './quota-config.ts';
import type { QuotaChange } from './quota-schemas.ts';

/** Quotas that an operator has set, as signed records that every node has. */

export interface QuotaRecordsOptions {
  readonly table: RecordTable;
  readonly identity: NodeIdentity;
  readonly clock: HybridClock;
  readonly logger: Logger;
}

export class QuotaRecords {
  readonly #options: QuotaRecordsOptions;

  constructor(options: QuotaRecordsOptions) {
    this.#options = options;
  }

  get(namespace: string): NamespaceQuota | undefined {
    const record = this.#options.table.get(quotaKey(namespace));
    return record && this.#decode(record);
  }

  namespaces(): string[] {
    return this.#options.table
      .list(QUOTA_PREFIX)
      .flatMap((record) => this.#decode(record)?.namespace ?? []);
  }

  /** Durable here when it resolves; zero is the operator's default. */
  async set(namespace: string, change: QuotaChange, by: string): Promise<OpaqueRecord> {
    const { table, identity, clock } = this.#options;
    const key = quotaKey(namespace);
    if (table.get(key) === undefined && table.list(QUOTA_PREFIX).length >= QUOTAS_MAX) {
      throw new PopmeshError('overloaded', `${QUOTAS_MAX} namespaces have quotas of their own`, {
        details: { limit: 'quotas', max: QUOTAS_MAX },
      });
    }
    for (let attempt = 0; attempt < QUOTA_ATTEMPTS_MAX; attempt++) {
      const held = table.get(key);
      if (held !== undefined) clock.observe(held.revision);
      const revision = clock.next();
      const quota = create(NamespaceQuotaSchema, {
        namespace,
        functions: change.functions ?? 0,
        versionsKept: change.versionsKept ?? 0,
        storedMb: change.storedMb ?? 0,
        hosts: change.hosts ?? 0,
        setAtMs: BigInt(Math.floor(revisionTimeMs(revision))),
        setBy: by,
      });
      const record = sealRecord(identity, key, revision, toBinary(NamespaceQuotaSchema, quota));
      if ((await table.apply(record, 'local')) !== 'stale') return record;
    }
    throw new PopmeshError('conflict', `others keep changing the quota of ${namespace}`, {
      hint: 'Try again.',
    });
  }

  #decode({ key, payload }: OpaqueRecord): NamespaceQuota | undefined {
    try {
      const quota = fromBinary(NamespaceQuotaSchema, payload);
      if (isName(quota.namespace) && quotaKey(quota.namespace) === key) return quota;
    } catch {
      // Told below, like one that names another namespace.
    }
    this.#options.logger.warn('a record under a quota key is no quota', { key });
    return undefined;
  }
}

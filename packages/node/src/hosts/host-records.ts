import {
  type FunctionId,
  type HybridClock,
  type Logger,
  type OpaqueRecord,
  PopmeshError,
  type RecordTable,
  revisionTimeMs,
} from '@popmesh/contracts';
import {
  type Claim,
  create,
  fromBinary,
  HOST_PREFIX,
  type HostClaim,
  HostClaimSchema,
  HostOwners,
  hostKey,
  isClaimOf,
  type NodeIdentity,
  sealRecord,
  toBinary,
} from '@popmesh/protocol';
import type { FunctionView, Registry } from '@popmesh/replication';
import { CLAIM_ATTEMPTS_MAX } from './host-limits.ts';

/**
 * Claims in the record table: read through the one rule of protocol, and written
 * as this node's own signed records. What may be claimed is decided elsewhere.
 */

export interface HostRecordsOptions {
  readonly table: RecordTable & { forget(key: string, revision: bigint): Promise<unknown> };
  readonly registry: Pick<Registry, 'list' | 'onChanged'>;
  readonly identity: NodeIdentity;
  readonly clock: HybridClock;
  readonly logger: Logger;
}

export class HostRecords {
  readonly #options: HostRecordsOptions;
  readonly #owners = new HostOwners();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(options: HostRecordsOptions) {
    this.#options = options;
    const { table, registry } = options;
    for (const record of table.list(HOST_PREFIX)) this.#read(record);
    for (const view of registry.list()) this.#owners.setFunction(view.id, view);
    this.#unsubscribe = [
      table.onApplied((record) => this.#applied(record)),
      registry.onChanged((view: FunctionView) => this.#owners.setFunction(view.id, view)),
    ];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  owner(host: string): Claim | undefined {
    return this.#owners.owner(host);
  }

  claimsOf(host: string): readonly Claim[] {
    return this.#owners.claimsOf(host);
  }

  claimsBy(namespace: string) {
    return this.#owners.claimsBy(namespace);
  }

  releasesBy(namespace: string): number {
    return this.#owners.releasesBy(namespace);
  }

  standingOf(fn: FunctionId): string[] {
    return [...this.#owners.standingOf(fn)];
  }

  hosts(): string[] {
    return [...this.#owners.hosts()].sort();
  }

  /** Who claimed it, where that is on record. */
  claimedBy(host: string, namespace: string): string {
    const record = this.#options.table.get(hostKey(host, namespace));
    return (record && this.#decode(record)?.claimedBy) ?? '';
  }

  /** Whether the claim has a record of its own, which outlives every version. */
  isRecorded(host: string, namespace: string): boolean {
    const record = this.#options.table.get(hostKey(host, namespace));
    const claim = record && this.#decode(record);
    return claim?.released === false;
  }

  /** Durable here when it resolves; a claim that there is keeps its time. */
  claim(host: string, namespace: string, by: string): Promise<OpaqueRecord> {
    const held = this.claimsOf(host).find((claim) => claim.namespace === namespace);
    return this.#write(host, namespace, (nowMs) => ({
      claimedAtMs: BigInt(Math.floor(held?.claimedAtMs ?? nowMs)),
      claimedBy: by,
    }));
  }

  release(host: string, { namespace, claimedAtMs }: Claim): Promise<OpaqueRecord> {
    const claimedBy = this.claimedBy(host, namespace);
    return this.#write(host, namespace, (nowMs) => ({
      claimedAtMs: BigInt(claimedAtMs),
      claimedBy,
      released: true,
      releasedAtMs: BigInt(Math.floor(nowMs)),
    }));
  }

  /** Lets releases go that every node has learned of, unless a version from before claims would take the host again. */
  async forgetReleased(beforeMs: number): Promise<void> {
    const { table } = this.#options;
    for (const record of table.list(HOST_PREFIX)) {
      if (revisionTimeMs(record.revision) >= beforeMs) continue;
      const claim = this.#decode(record);
      if (claim?.released !== true) continue;
      if (this.#owners.isStanding(claim.host, claim.namespace)) continue;
      await table.forget(record.key, record.revision);
      if (table.get(record.key) === undefined) this.#owners.dropClaim(claim.host, claim.namespace);
    }
  }

  async #write(
    host: string,
    namespace: string,
    claim: (
      nowMs: number,
    ) => Partial<Pick<HostClaim, 'claimedAtMs' | 'claimedBy' | 'released' | 'releasedAtMs'>>,
  ): Promise<OpaqueRecord> {
    const { table, identity, clock } = this.#options;
    const key = hostKey(host, namespace);
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS_MAX; attempt++) {
      const held = table.get(key);
      if (held !== undefined) clock.observe(held.revision);
      const revision = clock.next();
      const fields = { host, namespace, ...claim(revisionTimeMs(revision)) };
      const payload = toBinary(HostClaimSchema, create(HostClaimSchema, fields));
      const record = sealRecord(identity, key, revision, payload);
      if ((await table.apply(record, 'local')) !== 'stale') return record;
    }
    throw new PopmeshError('conflict', `others keep changing the claim to ${host}`, {
      hint: 'Try again.',
    });
  }

  #applied(record: OpaqueRecord): void {
    if (!record.key.startsWith(HOST_PREFIX)) return;
    const claim = this.#read(record);
    if (claim === undefined || claim.released) return;
    const rivals = this.claimsOf(claim.host).length;
    if (rivals < 2) return;
    const owner = this.owner(claim.host)?.namespace;
    this.#options.logger.warn('a host is claimed twice: the older claim has it', {
      host: claim.host,
      owner,
      claims: rivals,
    });
  }

  #read(record: OpaqueRecord): HostClaim | undefined {
    const claim = this.#decode(record);
    if (claim !== undefined) this.#owners.setClaim(claim);
    return claim;
  }

  #decode({ key, payload }: OpaqueRecord): HostClaim | undefined {
    try {
      const claim = fromBinary(HostClaimSchema, payload);
      if (isClaimOf(claim, key)) return claim;
    } catch {
      // Told below, like one that names another host.
    }
    this.#options.logger.warn('a record under a host key is no claim', { key });
    return undefined;
  }
}

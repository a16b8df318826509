import { type FunctionId, type OpaqueRecord, PopmeshError } from '@popmesh/contracts';
import { TOMBSTONE_KEPT_MS } from '@popmesh/protocol';
import type { FunctionView, Registry } from '@popmesh/replication';
import type { Actor } from '../api/control.ts';
import type { AuditLog } from '../audit-log.ts';
import type { Quota } from './quota-config.ts';
import type { QuotaRecords } from './quota-records.ts';
import type { QuotaChange, QuotaSummary } from './quota-schemas.ts';
import type { WrittenBytes } from './written-bytes.ts';

/**
 * What a namespace may have in all, held by the node that accepts a deploy. Two nodes that accept
 * at once can each let one through that only fits once: a bound on what a tenant can fill a mesh
 * with, not a bill. Refused: one node that counts for all, without which nobody could deploy.
 */

export interface QuotaControlOptions {
  readonly defaults: Quota;
  readonly records: QuotaRecords;
  readonly registry: Pick<Registry, 'list' | 'get' | 'countDeleted'>;
  /** Hosts that a namespace has claimed. */
  readonly hostsOf: (namespace: string) => number;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly written: WrittenBytes;
  /** Hands a record on to JetStream; gossip has it already. */
  readonly publish: (record: OpaqueRecord) => Promise<unknown>;
}

interface Chunk {
  readonly digest: string;
  readonly sizeBytes: number;
}

const MB = 1024 * 1024;

/** New bytes that a namespace may write until those that it replaces are collected, at least. */
const WRITTEN_MB_LEAST = 512;

/**
 * A node announces every function that it has ready in one signed record of at most 512 KiB: beyond
 * it nothing would become ready anywhere. What is left is for failures and data planes.
 */
const ANNOUNCED_FUNCTIONS_BYTES_MAX = 384 * 1024;
/** Of one function, beside its id: its revision, tags and lengths. */
const ANNOUNCED_OVERHEAD_BYTES = 16;

export class QuotaControl {
  readonly #options: QuotaControlOptions;

  constructor(options: QuotaControlOptions) {
    this.#options = options;
  }

  of(namespace: string): Quota {
    const { defaults, records } = this.#options;
    const set = records.get(namespace);
    return {
      functions: set?.functions || defaults.functions,
      versionsKept: set?.versionsKept || defaults.versionsKept,
      storedMb: set?.storedMb || defaults.storedMb,
      hosts: set?.hosts || defaults.hosts,
    };
  }

  /**
   * Throws `quota_exceeded` for a function more than there may be; before anything is stored.
   * Deleted ones are remembered for a while, and whoever deploys and deletes under ever new names
   * would fill every node's record table: as many again may be remembered.
   */
  checkFunctions(namespace: string, fn: FunctionId): void {
    const { registry } = this.#options;
    const held = registry.get(fn);
    if (held?.deleted === false) return;
    const used = registry.list(namespace).length;
    const { functions: max } = this.of(namespace);
    if (used >= max) throw exceeded(namespace, 'functions', max, used);
    this.#checkAnnounced(fn);
    if (held !== undefined) return;
    const deleted = registry.countDeleted(namespace);
    if (deleted >= max) throw exceeded(namespace, 'functions_deleted', max, deleted);
  }

  #checkAnnounced(fn: FunctionId): void {
    const ids = [...this.#options.registry.list().map(({ id }) => id), fn];
    const bytes = ids.reduce((sum, id) => sum + id.length + ANNOUNCED_OVERHEAD_BYTES, 0);
    if (bytes <= ANNOUNCED_FUNCTIONS_BYTES_MAX) return;
    throw new PopmeshError('quota_exceeded', `the mesh has no room for one more function, ${fn}`, {
      hint: 'Functions of all namespaces together are bounded: delete some, or give them shorter names.',
      details: {
        limit: 'announced_functions_bytes',
        used: bytes,
        allowed: ANNOUNCED_FUNCTIONS_BYTES_MAX,
      },
    });
  }

  /** The same for the bytes of one more version, with those that it will make go left out. */
  checkStored(namespace: string, fn: FunctionId, added: readonly Chunk[]): void {
    const { storedMb: max, versionsKept } = this.of(namespace);
    const views = this.#options.registry.list(namespace);
    const usedBytes = bytesOf(views.flatMap((view) => chunksOf(view)));
    const kept = views.flatMap((view) =>
      chunksOf(view, view.id === fn ? versionsKept - 1 : undefined),
    );
    if (bytesOf([...kept, ...added]) <= max * MB) return;
    throw exceeded(namespace, 'stored_mb', max, toMb(usedBytes));
  }

  /** Counts new bytes that are about to be stored, or throws where there were too many lately. */
  write(namespace: string, bytes: number): void {
    const { written } = this.#options;
    const max = Math.max(this.of(namespace).storedMb, WRITTEN_MB_LEAST);
    const usedBytes = written.of(namespace);
    if (bytes > 0 && usedBytes + bytes > max * MB) {
      throw exceeded(namespace, 'written_mb', max, toMb(usedBytes));
    }
    written.add(namespace, bytes);
  }

  describe(namespace: string): QuotaSummary {
    const { records, registry, hostsOf } = this.#options;
    const set = records.get(namespace);
    const views = registry.list(namespace);
    return {
      namespace,
      allowed: this.of(namespace),
      used: {
        functions: views.length,
        versionsKept: Math.max(0, ...views.map(({ versions }) => versions.length)),
        storedMb: toMb(bytesOf(views.flatMap((view) => chunksOf(view)))),
        hosts: hostsOf(namespace),
      },
      isDefault: set === undefined || isAllDefault(set),
      ...(set === undefined ? {} : { setBy: set.setBy, setAtMs: Number(set.setAtMs) }),
    };
  }

  /** Of every namespace that has functions or a quota of its own. */
  list(maySee: (namespace: string) => boolean): QuotaSummary[] {
    const { records, registry } = this.#options;
    const all = new Set([
      ...registry.list().map((view) => view.namespace),
      ...records.namespaces(),
    ]);
    return [...all]
      .filter(maySee)
      .sort()
      .map((namespace) => this.describe(namespace));
  }

  async set(namespace: string, change: QuotaChange, actor: Actor): Promise<QuotaSummary> {
    const { records, audit, publish } = this.#options;
    const record = await records.set(namespace, change, actor.who);
    const said = Object.entries(change).map(([name, value]) => `${name}=${value}`);
    await audit.append({
      action: 'quota',
      who: actor.who,
      ...(actor.tokenId === undefined ? {} : { tokenId: actor.tokenId }),
      what: `${namespace} ${said.length === 0 ? 'default' : said.join(' ')}`,
      revision: record.revision.toString(),
      from: actor.from,
    });
    await publish(record);
    return this.describe(namespace);
  }
}

const isAllDefault = (set: {
  functions: number;
  versionsKept: number;
  storedMb: number;
  hosts: number;
}) => set.functions + set.versionsKept + set.storedMb + set.hosts === 0;

/** Of the newest `most` versions, or of all. */
function chunksOf(view: FunctionView, most?: number): Chunk[] {
  const newestFirst = [...view.versions].sort((a, b) => b.number - a.number);
  return newestFirst.slice(0, most).flatMap(({ artifact }) => artifact?.chunks ?? []);
}

/** What is there twice counts once. */
const bytesOf = (chunks: readonly Chunk[]): number => {
  const sizes = new Map(chunks.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  return sizes.values().reduce((sum, size) => sum + size, 0);
};

const toMb = (bytes: number): number => Math.round((bytes / MB) * 100) / 100;

const DAY_MS = 24 * 3_600_000;

const WHAT = {
  functions: 'more functions',
  functions_deleted: 'more deleted functions to remember',
  stored_mb: 'more stored megabytes',
  written_mb: 'more new megabytes in an hour',
};

const HINT: Partial<Record<keyof typeof WHAT, string>> = {
  functions_deleted: `Deleted functions are forgotten after ${TOMBSTONE_KEPT_MS / DAY_MS} days; until then deploy under a name that was deleted, or ask the operator.`,
  written_mb:
    'What was replaced stays for about an hour: wait, or ask the operator for more stored bytes.',
};

const exceeded = (
  namespace: string,
  limit: keyof typeof WHAT,
  allowed: number,
  used: number,
): PopmeshError =>
  new PopmeshError(
    'quota_exceeded',
    `namespace ${namespace} would have ${WHAT[limit]} than it may: it has ${used}, ${allowed} is allowed`,
    {
      hint:
        HINT[limit] ??
        'Delete what is not needed, or ask the operator: `popmesh quota` shows what there is.',
      details: { limit, used, allowed },
    },
  );

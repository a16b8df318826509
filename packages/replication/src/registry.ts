import {
  type FunctionId,
  type HybridClock,
  type Logger,
  type OpaqueRecord,
  PopmeshError,
  parseFunctionId,
  parseName,
  type RecordTable,
  revisionTimeMs,
  silentLogger,
} from '@popmesh/contracts';
import {
  type AliasRecord,
  create,
  FUNCTION_PREFIX,
  type FunctionNotice,
  FunctionNoticeSchema,
  type FunctionRecord,
  FunctionRecordSchema,
  fromBinary,
  functionIdOfKey,
  functionKey,
  type NodeIdentity,
  sealRecord,
  toBinary,
  type VersionRecord,
  verifyNodeCertificate,
} from '@popmesh/protocol';
import {
  type Acceptance,
  describes,
  goneBack,
  type LiveVersion,
  liveVersions,
  type NewVersion,
  rolledBack,
  tombstone,
  withVersion,
} from './function-record.ts';
import { CHANGE_ATTEMPTS_MAX, CHANGES_WAITING_MAX } from './limits.ts';

/**
 * The typed view of function records over the record table: what there is, and
 * how it changes. Reading never leaves memory; a change is signed by this node,
 * durable here when it resolves, and known elsewhere later.
 */

export interface FunctionView {
  readonly id: FunctionId;
  readonly namespace: string;
  readonly name: string;
  readonly revision: bigint;
  readonly deleted: boolean;
  /** 0 while not deleted. */
  readonly deletedAtMs: number;
  readonly versions: readonly VersionRecord[];
  readonly aliases: readonly AliasRecord[];
  /** Heaviest first. */
  readonly live: readonly LiveVersion[];
  readonly lastVersion: number;
  /** Oldest first. */
  readonly notices: readonly FunctionNotice[];
  /** The newest change that somebody asked for, below the record's revision where it is a join. */
  readonly changedRevision: bigint;
  readonly changedBy: string;
}

/** What took a function's live version back. */
export interface GoingBack {
  /** The change that is undone (`changedRevision`); another came in between: `conflict`. */
  readonly from: bigint;
  /** Undefined: no version is live afterwards. */
  readonly to: number | undefined;
  readonly message: string;
  readonly code: string;
}

export interface RegistryChange {
  /** The version now live; for a removal, the last there was. */
  readonly version: number;
  readonly revision: bigint;
  /** What to hand to replication. */
  readonly record: OpaqueRecord;
}

export type Deploy = Omit<NewVersion, 'createdAtMs'> & {
  readonly namespace: string;
  readonly name: string;
};

export interface RegistryOptions {
  readonly table: RecordTable;
  readonly identity: NodeIdentity;
  readonly rootPublicKey: Uint8Array;
  readonly clock: HybridClock;
  readonly logger?: Logger;
}

export class Registry {
  readonly #table: RecordTable;
  readonly #identity: NodeIdentity;
  readonly #clock: HybridClock;
  readonly #logger: Logger;
  /** Decoded once per record; goes when the table lets the record go. */
  readonly #views = new WeakMap<OpaqueRecord, FunctionView | { readonly unreadable: true }>();
  readonly #changes = new Map<string, { tail: Promise<unknown>; waiting: number }>();

  /** Throws `bad_signature` for an identity whose records no other node would take. */
  constructor(options: RegistryOptions) {
    const { id, publicKey, certificate } = options.identity;
    verifyNodeCertificate(options.rootPublicKey, id, publicKey, certificate);
    this.#table = options.table;
    this.#identity = options.identity;
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Also a tombstone, with `deleted`. */
  get(fn: string): FunctionView | undefined {
    const { namespace, name } = parseFunctionId(fn);
    return this.#viewOf(this.#table.get(functionKey(namespace, name)));
  }

  /** Ordered by id, without tombstones. */
  list(namespace?: string): FunctionView[] {
    const prefix = namespace === undefined ? FUNCTION_PREFIX : `${FUNCTION_PREFIX}${namespace}/`;
    return this.#table
      .list(prefix)
      .map((record) => this.#viewOf(record))
      .filter((view): view is FunctionView => view !== undefined && !view.deleted);
  }

  /** How many tombstones of the namespace are held. */
  countDeleted(namespace: string): number {
    const records = this.#table.list(`${FUNCTION_PREFIX}${namespace}/`);
    return records.filter((record) => this.#viewOf(record)?.deleted).length;
  }

  /** After each change from anywhere, tombstones too. The returned function unsubscribes. */
  onChanged(listener: (view: FunctionView) => void): () => void {
    return this.#table.onApplied((record) => {
      const view = this.#viewOf(record);
      if (view !== undefined) listener(view);
    });
  }

  /** Throws `invalid_argument`, `payload_too_large`, `storage_failed`, `conflict`, `overloaded`. */
  async deploy(deploy: Deploy): Promise<RegistryChange> {
    const namespace = parseName(deploy.namespace, 'namespace');
    const name = parseName(deploy.name, 'function name');
    return this.#change(`${namespace}/${name}`, (held, accepted) => {
      const createdAtMs = revisionTimeMs(accepted.revision);
      return withVersion(held, { namespace, name }, { ...deploy, createdAtMs }, accepted);
    });
  }

  /** Throws `function_not_found`, `not_found` for a version not kept, `conflict` without an older. */
  async rollback(fn: string, version?: number): Promise<RegistryChange> {
    return this.#change(fn, (held, accepted) => rolledBack(alive(held, fn), version, accepted));
  }

  /** Without having been asked: no node could make ready what is live. */
  async goBack(fn: string, { from, to, message, code }: GoingBack): Promise<RegistryChange> {
    return this.#change(fn, (record, accepted) => {
      const held = alive(record, fn);
      if (this.get(fn)?.changedRevision !== from) {
        throw new PopmeshError('conflict', `${fn} was changed meanwhile`);
      }
      const undone = liveVersions(held).map(({ version }) => version);
      const notice = create(FunctionNoticeSchema, {
        timeMs: BigInt(revisionTimeMs(accepted.revision)),
        kind: 'rolled_back',
        message,
        code,
        revision: from,
        versions: undone.map(({ number }) => number),
        authors: [...new Set(undone.map(({ createdBy }) => createdBy))],
      });
      return goneBack(held, to, notice, accepted);
    });
  }

  /** Leaves a tombstone, so that nobody who was away can bring the function back. */
  async remove(fn: string): Promise<RegistryChange> {
    return this.#change(fn, (held, accepted) =>
      tombstone(alive(held, fn), revisionTimeMs(accepted.revision), accepted),
    );
  }

  /** One at a time per function, or two deploys at once would both build on the same version. */
  #change(fn: string, transform: Transform): Promise<RegistryChange> {
    const { namespace, name } = parseFunctionId(fn);
    const key = functionKey(namespace, name);
    const queue = this.#changes.get(key) ?? { tail: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= CHANGES_WAITING_MAX) {
      throw new PopmeshError('overloaded', `too many changes of ${fn} are waiting`);
    }
    queue.waiting++;
    this.#changes.set(key, queue);
    const run = async (): Promise<RegistryChange> => {
      try {
        return await this.#attempt(key, transform);
      } finally {
        if (--queue.waiting === 0) this.#changes.delete(key);
      }
    };
    const result = queue.tail.then(run);
    queue.tail = result.catch(() => {});
    return result;
  }

  async #attempt(key: string, transform: Transform): Promise<RegistryChange> {
    for (let attempt = 0; attempt < CHANGE_ATTEMPTS_MAX; attempt++) {
      const held = this.#table.get(key);
      if (held !== undefined) this.#clock.observe(held.revision);
      const revision = this.#clock.next();
      const accepted = { revision, by: this.#identity.id };
      const next = transform(held && this.#decode(held), accepted);
      const payload = toBinary(FunctionRecordSchema, next);
      const record = sealRecord(this.#identity, key, revision, payload);
      const outcome = await this.#table.apply(record, 'local');
      if (outcome !== 'stale') {
        const version = liveVersions(next)[0]?.version.number ?? next.lastVersion;
        return { version, revision, record };
      }
      // A newer record came from elsewhere meanwhile: build on that one.
    }
    throw new PopmeshError('conflict', `others keep changing ${key}`, { hint: 'Try again.' });
  }

  #viewOf(record: OpaqueRecord | undefined): FunctionView | undefined {
    if (record === undefined || !record.key.startsWith(FUNCTION_PREFIX)) return undefined;
    const seen = this.#views.get(record);
    if (seen !== undefined) return 'unreadable' in seen ? undefined : seen;
    const decoded = this.#decode(record);
    const view = decoded && toView(decoded, record);
    this.#views.set(record, view ?? { unreadable: true });
    return view;
  }

  #decode(record: OpaqueRecord): FunctionRecord | undefined {
    try {
      const decoded = fromBinary(FunctionRecordSchema, record.payload);
      if (describes(decoded, functionIdOfKey(record.key) ?? '')) return decoded;
    } catch {
      // Told below, like one that names another function.
    }
    this.#logger.warn('a record under a function key is no function', { key: record.key });
    return undefined;
  }
}

type Transform = (held: FunctionRecord | undefined, accepted: Acceptance) => FunctionRecord;

function alive(held: FunctionRecord | undefined, fn: string): FunctionRecord {
  if (held !== undefined && !held.deleted) return held;
  throw new PopmeshError('function_not_found', `there is no function ${fn}`);
}

const toView = (decoded: FunctionRecord, record: OpaqueRecord): FunctionView => ({
  id: `${decoded.namespace}/${decoded.name}`,
  namespace: decoded.namespace,
  name: decoded.name,
  revision: record.revision,
  deleted: decoded.deleted,
  deletedAtMs: Number(decoded.deletedAtMs),
  versions: decoded.versions,
  aliases: decoded.aliases,
  live: decoded.deleted ? [] : liveVersions(decoded),
  lastVersion: decoded.lastVersion,
  notices: decoded.notices,
  changedRevision: decoded.changedRevision || record.revision,
  changedBy: decoded.changedBy,
});

import { isName, PopmeshError } from '@popmesh/contracts';
import {
  type ArtifactManifestSchema,
  create,
  type FunctionConfigSchema,
  type FunctionNotice,
  type FunctionRecord,
  FunctionRecordSchema,
  type MessageInitShape,
  toBinary,
  type VersionRecord,
  VersionRecordSchema,
} from '@popmesh/protocol';
import { RECORD_PAYLOAD_AIM_BYTES, VERSIONS_KEPT_MAX } from './limits.ts';
import { joinedNotices } from './notices.ts';
import { acceptedAt, byAcceptance, pointedTo } from './version-order.ts';

/**
 * What may happen to a function, as pure transformations from record to record.
 * A version's number only grows, through removal and deploying again too, so
 * that a number never means two things to a person.
 */

/** What routes point to unless they say otherwise. */
export const LIVE_ALIAS = 'live';
export const WHOLE_WEIGHT = 100;
const LABEL_LENGTH_MAX = 128;

export interface NewVersion {
  readonly label: string;
  readonly artifact: MessageInitShape<typeof ArtifactManifestSchema>;
  readonly config: MessageInitShape<typeof FunctionConfigSchema>;
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** Versions that stay, this one counted in; the most of all where nobody says. */
  readonly keepMax?: number;
}

/** The revision of a change, and the node that accepts it. */
export interface Acceptance {
  readonly revision: bigint;
  readonly by: string;
}

/** Adds a version and points `live` to it. `held` may be a tombstone. */
export function withVersion(
  held: FunctionRecord | undefined,
  id: { readonly namespace: string; readonly name: string },
  version: NewVersion,
  accepted: Acceptance,
): FunctionRecord {
  if (version.label.length > LABEL_LENGTH_MAX) {
    throw new PopmeshError(
      'invalid_argument',
      `a label has at most ${LABEL_LENGTH_MAX} characters`,
    );
  }
  const number = (held?.lastVersion ?? 0) + 1;
  const added = create(VersionRecordSchema, {
    number,
    label: version.label,
    artifact: version.artifact,
    config: version.config,
    createdBy: version.createdBy,
    createdAtMs: BigInt(Math.floor(version.createdAtMs)),
    acceptedRevision: accepted.revision,
    acceptedBy: accepted.by,
  });
  const alive = held?.deleted === false ? held : undefined;
  return pruned(
    create(FunctionRecordSchema, {
      ...id,
      ...changed(held, accepted),
      lastVersion: number,
      versions: [...(alive?.versions ?? []), added],
      aliases: pointed(alive, number),
    }),
    version.keepMax,
  );
}

/** Points `live` to `version`, or to the newest kept one below what is live now. */
export function rolledBack(
  held: FunctionRecord,
  version: number | undefined,
  accepted: Acceptance,
): FunctionRecord {
  const target = version ?? previousVersion(held);
  if (!held.versions.some(({ number }) => number === target)) {
    throw new PopmeshError('not_found', `version ${target} of ${held.name} is not kept`, {
      hint: `Kept are ${held.versions.map(({ number }) => number).join(', ')}.`,
    });
  }
  return create(FunctionRecordSchema, {
    namespace: held.namespace,
    name: held.name,
    ...changed(held, accepted),
    versions: held.versions,
    aliases: pointed(held, target),
  });
}

/**
 * Points `live` to an older version, or to none, because no node could make ready what it points
 * to now; and says so to its authors.
 */
export function goneBack(
  held: FunctionRecord,
  version: number | undefined,
  notice: FunctionNotice,
  accepted: Acceptance,
): FunctionRecord {
  const others = held.aliases.filter(({ name }) => name !== LIVE_ALIAS);
  return create(FunctionRecordSchema, {
    namespace: held.namespace,
    name: held.name,
    ...changed(held, accepted),
    versions: held.versions,
    aliases: version === undefined ? others : pointed(held, version),
    notices: joinedNotices([...held.notices, notice]),
  });
}

/** Remembers that there was a function, and how far its numbers went. */
export function tombstone(
  held: FunctionRecord,
  deletedAtMs: number,
  accepted: Acceptance,
): FunctionRecord {
  return create(FunctionRecordSchema, {
    namespace: held.namespace,
    name: held.name,
    ...changed(held, accepted),
    deleted: true,
    deletedAtMs: BigInt(Math.floor(deletedAtMs)),
    deletedRevision: accepted.revision,
  });
}

/**
 * Keeps the newest versions and every one an alias points to; beyond the aim for
 * a record's size, fewer. What an alias points to is never dropped: a record too
 * large with those alone is refused when it is sealed. How far it went is noted, so
 * that no merge brings back what was dropped here.
 */
export function pruned(
  record: FunctionRecord,
  keepMax = VERSIONS_KEPT_MAX,
  aimBytes = RECORD_PAYLOAD_AIM_BYTES,
): FunctionRecord {
  const pointed = pointedTo(record);
  const newestFirst = [...record.versions].sort((a, b) => byAcceptance(b, a));
  let bytes = 0;
  let isFull = false;
  let { prunedRevision } = record;
  const dropped = new Set<VersionRecord>();
  for (const [index, version] of newestFirst.entries()) {
    const size = toBinary(VersionRecordSchema, version).length;
    isFull ||= index >= keepMax || bytes + size > aimBytes;
    if (!isFull || pointed.has(version.number)) {
      bytes += size;
      continue;
    }
    dropped.add(version);
    if (acceptedAt(version) > prunedRevision) prunedRevision = acceptedAt(version);
  }
  return create(FunctionRecordSchema, {
    ...record,
    versions: record.versions.filter((version) => !dropped.has(version)),
    prunedRevision,
  });
}

/** The versions behind `live` with their weights, heaviest first; none for a tombstone. */
export function liveVersions(record: FunctionRecord): LiveVersion[] {
  const alias = record.aliases.find(({ name }) => name === LIVE_ALIAS);
  const live: LiveVersion[] = [];
  for (const { version: number, weight } of alias?.targets ?? []) {
    const version = record.versions.find((candidate) => candidate.number === number);
    if (version !== undefined && weight > 0) live.push({ version, weight });
  }
  return live.sort((a, b) => b.weight - a.weight);
}

export interface LiveVersion {
  readonly version: VersionRecord;
  readonly weight: number;
}

/** A record may be signed by a node of ours and still be nonsense: it must name what its key says. */
export const describes = (record: FunctionRecord, id: string): boolean =>
  isName(record.namespace) && isName(record.name) && `${record.namespace}/${record.name}` === id;

/** What every change carries on from the record before it, and puts its own name under. */
const changed = (held: FunctionRecord | undefined, { revision, by }: Acceptance) => ({
  lastVersion: held?.lastVersion ?? 0,
  notices: held?.notices ?? [],
  deletedRevision: held?.deletedRevision ?? 0n,
  prunedRevision: held?.prunedRevision ?? 0n,
  changedRevision: revision,
  changedBy: by,
});

const pointed = (held: FunctionRecord | undefined, version: number) => [
  ...(held?.aliases.filter(({ name }) => name !== LIVE_ALIAS) ?? []),
  { name: LIVE_ALIAS, targets: [{ version, weight: WHOLE_WEIGHT }] },
];

function previousVersion(held: FunctionRecord): number {
  const live = Math.max(0, ...liveVersions(held).map(({ version }) => version.number));
  const older = held.versions.map(({ number }) => number).filter((number) => number < live);
  if (older.length > 0) return Math.max(...older);
  throw new PopmeshError('conflict', `${held.name} has no older version to go back to`);
}

import { compareBytes, revisionTimeMs } from '@popmesh/contracts';
import {
  type AliasRecord,
  AliasRecordSchema,
  create,
  type FunctionNotice,
  FunctionNoticeSchema,
  type FunctionRecord,
  FunctionRecordSchema,
  toBinary,
  type VersionRecord,
  VersionRecordSchema,
} from '@popmesh/protocol';
import { LIVE_ALIAS, pruned, WHOLE_WEIGHT } from './function-record.ts';
import { isSameNotice, joinedNotices } from './notices.ts';
import {
  acceptedAt,
  byAcceptance,
  compare,
  pointedTo,
  toldNumber,
  versionName,
} from './version-order.ts';

/**
 * What two sides of a split make of one function, as a pure function of both. The result is what
 * their changes would have made in one place, in the order of their revisions: every version is
 * kept, aliases are what the newest change said, a deletion takes what was accepted before it and
 * nothing after, and the bound on versions holds. Of two versions with one number the older keeps
 * it. Refused: the higher revision as a whole (an acknowledged deploy was nowhere afterwards);
 * numbers as a function of the set alone (they would change again when an old version is pruned).
 *
 * `dominates` is the order behind it. What is joined dominates both, all that can differ only
 * grows, so nodes that join in any order come to the same record and then stop.
 */

export interface Side {
  readonly record: FunctionRecord;
  readonly revision: bigint;
}

/** Whether `a` has everything that `b` has, or a reason not to have it. */
export function dominates(a: Side, b: Side): boolean {
  const [one, other] = [a.record, b.record];
  if (compareChanges(a, b) < 0 || one.lastVersion < other.lastVersion) return false;
  if (one.deletedRevision < other.deletedRevision) return false;
  if (one.prunedRevision < other.prunedRevision) return false;
  const held = byName(one);
  const lacksVersion = other.versions.some((version) => {
    if (acceptedAt(version) <= one.deletedRevision) return false;
    const same = held.get(versionName(version));
    if (same === undefined) return acceptedAt(version) > one.prunedRevision;
    return same.number < version.number;
  });
  if (lacksVersion) return false;
  const all = joinedNotices([...one.notices, ...other.notices]);
  return all.length === one.notices.length && all.every((n, i) => isSameNotice(n, one.notices[i]));
}

export function joined(a: Side, b: Side): FunctionRecord {
  // What lacks nothing is the result, though its revision may be the lower one.
  if (dominates(a, b)) return named(a);
  if (dominates(b, a)) return named(b);
  const order = compareChanges(a, b);
  const isFirst = order === 0 ? compareBytes(bytesOf(a), bytesOf(b)) > 0 : order > 0;
  const [winner, loser] = isFirst ? [a, b] : [b, a];
  const deletedRevision = larger(winner.record.deletedRevision, loser.record.deletedRevision);
  const survivors = survivorsOf(winner.record, loser.record, deletedRevision);
  const lastVersion = Math.max(
    winner.record.lastVersion,
    loser.record.lastVersion,
    ...survivors.map(({ number }) => number),
  );
  const versions = numbered(survivors, lastVersion);
  const isDeleted = versions.length === 0 && deletedRevision > 0n;
  const merged = pruned(
    create(FunctionRecordSchema, {
      ...winner.record,
      deleted: isDeleted,
      deletedAtMs: isDeleted ? BigInt(revisionTimeMs(deletedRevision)) : 0n,
      versions,
      aliases: isDeleted ? [] : aliasesOf(winner.record, versions),
      lastVersion: Math.max(lastVersion, ...versions.map(({ number }) => number)),
      deletedRevision,
      prunedRevision: larger(winner.record.prunedRevision, loser.record.prunedRevision),
      changedRevision: changeOf(winner).revision,
      changedBy: changeOf(winner).by,
    }),
  );
  const told = conflictNotice(winner, loser, merged, order === 0);
  return create(FunctionRecordSchema, {
    ...merged,
    notices: joinedNotices([
      ...winner.record.notices,
      ...loser.record.notices,
      ...(told === undefined ? [] : [told]),
    ]),
  });
}

const bytesOf = ({ record }: Side): Uint8Array => toBinary(FunctionRecordSchema, record);

const named = (side: Side): FunctionRecord => {
  const { revision, by } = changeOf(side);
  return create(FunctionRecordSchema, {
    ...side.record,
    changedRevision: revision,
    changedBy: by,
  });
};

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** The last thing that somebody asked for; a record that is no merge is that itself. */
const changeOf = ({ record, revision }: Side): { revision: bigint; by: string } =>
  record.changedRevision > 0n
    ? { revision: record.changedRevision, by: record.changedBy }
    : { revision, by: '' };

/**
 * Whose aliases hold. The last two tell apart records that stem from one change and differ by
 * what was deleted elsewhere: joining such raises the first of them or leaves both.
 */
function compareChanges(a: Side, b: Side): number {
  const [one, other] = [changeOf(a), changeOf(b)];
  return (
    compare(one.revision, other.revision) ||
    compare(one.by, other.by) ||
    compare(a.record.deletedRevision, b.record.deletedRevision) ||
    compare(saidBy(a.record), saidBy(b.record))
  );
}

/** The aliases by the names of versions; empty for none. */
function saidBy({ versions, aliases }: FunctionRecord): string {
  const names = new Map(versions.map((version) => [version.number, versionName(version)]));
  const said = aliases.map(({ name, targets }) => [
    name,
    ...targets.map(({ version, weight }) => `${weight} ${names.get(version)}`).sort(),
  ]);
  return said.length === 0 ? '' : JSON.stringify(said.sort());
}

const byName = ({ versions }: FunctionRecord): Map<string, VersionRecord> =>
  new Map(versions.map((version) => [versionName(version), version]));

/** Of both, with the larger of two numbers, the older first. */
function survivorsOf(
  winner: FunctionRecord,
  loser: FunctionRecord,
  deletedRevision: bigint,
): VersionRecord[] {
  const [ours, theirs] = [byName(winner), byName(loser)];
  const pointed = pointedTo(winner);
  const survivors: VersionRecord[] = [];
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    const [a, b] = [ours.get(name), theirs.get(name)];
    const version = (a ?? b) as VersionRecord;
    if (acceptedAt(version) <= deletedRevision) continue;
    if (a === undefined && acceptedAt(version) <= winner.prunedRevision) continue;
    const isLive = a !== undefined && pointed.has(a.number);
    if (b === undefined && !isLive && acceptedAt(version) <= loser.prunedRevision) continue;
    survivors.push(withNumber(version, Math.max(a?.number ?? 0, b?.number ?? 0)));
  }
  return survivors.sort(byAcceptance);
}

/** The older keeps its number; for the younger there is a fresh one above all. */
function numbered(oldestFirst: readonly VersionRecord[], lastVersion: number): VersionRecord[] {
  const taken = new Set<number>();
  let last = lastVersion;
  const versions = oldestFirst.map((version) => {
    const number = taken.has(version.number) ? ++last : version.number;
    taken.add(number);
    return withNumber(version, number);
  });
  return versions.sort((a, b) => a.number - b.number);
}

function withNumber(version: VersionRecord, number: number): VersionRecord {
  if (version.number === number) return version;
  const told = toldNumber(version);
  return create(VersionRecordSchema, {
    ...version,
    number,
    renumberedFrom: told === number ? 0 : told,
  });
}

/** What the newest change said, in the numbers of now. */
function aliasesOf(said: FunctionRecord, versions: readonly VersionRecord[]): AliasRecord[] {
  const names = new Map(said.versions.map((version) => [version.number, versionName(version)]));
  const numbers = new Map(versions.map((version) => [versionName(version), version.number]));
  const aliases = said.aliases.flatMap((alias) => {
    const targets = alias.targets.flatMap((target) => {
      const number = numbers.get(names.get(target.version) ?? '');
      return number === undefined ? [] : [{ ...target, version: number }];
    });
    return targets.length === 0 && alias.targets.length > 0 ? [] : [{ ...alias, targets }];
  });
  // Only a deletion on the other side can have taken what `live` pointed to: then the newest is.
  const hadLive = said.deleted || said.aliases.some(({ name }) => name === LIVE_ALIAS);
  const newest = [...versions].sort(byAcceptance).at(-1);
  if (hadLive && newest !== undefined && !aliases.some(({ name }) => name === LIVE_ALIAS)) {
    const targets = [{ version: newest.number, weight: WHOLE_WEIGHT }];
    aliases.push(create(AliasRecordSchema, { name: LIVE_ALIAS, targets }));
  }
  return aliases;
}

/**
 * Told where one side did not know of a version that the other had acknowledged: where the newer
 * lacks it, and where a deletion took what it had not heard of.
 */
function conflictNotice(
  winner: Side,
  loser: Side,
  merged: FunctionRecord,
  isOneChange: boolean,
): FunctionNotice | undefined {
  const kept = byName(merged);
  const unknown = only(loser.record, winner.record).filter((it) => kept.has(versionName(it)));
  const deleted = [
    ...deletedUnheard(winner.record, loser.record),
    ...deletedUnheard(loser.record, winner.record),
  ];
  const own = only(winner.record, loser.record).filter((it) => kept.has(versionName(it)));
  // Of two joins that hold the same change, one may only have heard of less.
  const isNews = unknown.length > 0 && (own.length > 0 || !isOneChange);
  if (!isNews && deleted.length === 0) return undefined;
  const about = (isNews ? [...unknown, ...own] : [])
    .map((version) => kept.get(versionName(version)) as VersionRecord)
    .sort((a, b) => a.number - b.number);
  const sentences: string[] = [];
  if (about.length > 0) {
    const targets = merged.aliases.find(({ name }) => name === LIVE_ALIAS)?.targets ?? [];
    const live = targets.map(({ version }) => version).join(' and ') || 'none';
    sentences.push(
      `Two parts of the mesh changed it without knowing of each other: kept ${about.length === 1 ? 'is' : 'are'} ${listed(about)}, live is ${live}.`,
    );
  }
  if (deleted.length > 0) {
    sentences.push(
      `It was deleted while another part of the mesh had accepted ${listed(deleted)}, which is gone: the deletion was newer.`,
    );
  }
  return create(FunctionNoticeSchema, {
    timeMs: BigInt(revisionTimeMs(changeOf(winner).revision)),
    kind: 'conflict',
    message: sentences.join(' '),
    versions: [...about, ...deleted].map(({ number }) => number),
    authors: [...new Set([...about, ...deleted].map(({ createdBy }) => createdBy))].sort(),
  });
}

const only = (record: FunctionRecord, other: FunctionRecord): VersionRecord[] => {
  const theirs = byName(other);
  return record.versions.filter((version) => !theirs.has(versionName(version)));
};

/** What `record` had and the deletion of `other` took, above every number that it knew. */
const deletedUnheard = (record: FunctionRecord, other: FunctionRecord): VersionRecord[] =>
  only(record, other).filter(
    (version) => acceptedAt(version) <= other.deletedRevision && version.number > other.lastVersion,
  );

const listed = (versions: readonly VersionRecord[]): string =>
  versions
    .map(({ number, renumberedFrom, createdBy }) => {
      const was = renumberedFrom > 0 ? ` (was ${renumberedFrom})` : '';
      return `version ${number}${was} of ${createdBy}`;
    })
    .join(' and ');

import type { FunctionRecord, VersionRecord } from '@popmesh/protocol';

/**
 * What names a version for ever, and which of two is the older: the revision at which it was
 * accepted and the node that did. Its number is for people and may change once, after a split.
 * Records of before there were such fields go by what they have; nothing is filled in, so that
 * two nodes that never spoke still write the same bytes.
 */

/** On the axis of revisions. */
export const acceptedAt = (version: VersionRecord): bigint =>
  version.acceptedRevision > 0n ? version.acceptedRevision : version.createdAtMs << 16n;

/** The number that its author was told. */
export const toldNumber = ({ number, renumberedFrom }: VersionRecord): number =>
  renumberedFrom > 0 ? renumberedFrom : number;

export const versionName = (version: VersionRecord): string =>
  version.acceptedRevision > 0n
    ? `${version.acceptedRevision}@${version.acceptedBy}`
    : JSON.stringify([
        toldNumber(version),
        String(version.createdAtMs),
        version.createdBy,
        version.artifact?.digest ?? '',
      ]);

/** The older first; a total order over all versions of a function. */
export function byAcceptance(a: VersionRecord, b: VersionRecord): number {
  return (
    compare(acceptedAt(a), acceptedAt(b)) ||
    compare(toldNumber(a), toldNumber(b)) ||
    compare(versionName(a), versionName(b))
  );
}

export const compare = <T extends bigint | number | string>(a: T, b: T): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** Numbers that some alias points to; such a version is never pruned. */
export const pointedTo = (record: FunctionRecord): Set<number> =>
  new Set(record.aliases.flatMap(({ targets }) => targets.map(({ version }) => version)));

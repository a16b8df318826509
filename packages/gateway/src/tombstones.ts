import type { OpaqueRecord } from '@popmesh/contracts';
import { revisionTimeMs } from '@popmesh/contracts';
import {
  FUNCTION_PREFIX,
  FunctionRecordSchema,
  fromBinary,
  HOST_PREFIX,
  HostClaimSchema,
  hostsBeforeClaims,
  isClaimOf,
  TOMBSTONE_KEPT_MS,
} from '@popmesh/protocol';

/**
 * Deleted functions and released hosts that every member has learned of. Gateways
 * let them go when nodes do, or their tables would only grow, and every exchange
 * with a node would begin by offering what that node has forgotten.
 */

export interface ForgettingTable {
  list(prefix: string): OpaqueRecord[];
  forget(key: string, revision: bigint): Promise<unknown>;
}

/** Answers the claims that are gone. */
export async function forgetTombstones(
  table: ForgettingTable,
  nowMs: number,
): Promise<{ readonly host: string; readonly namespace: string }[]> {
  const isOld = ({ revision }: OpaqueRecord): boolean =>
    revisionTimeMs(revision) + TOMBSTONE_KEPT_MS < nowMs;
  for (const record of table.list(FUNCTION_PREFIX).filter(isOld)) {
    if (read(record, FunctionRecordSchema)?.deleted)
      await table.forget(record.key, record.revision);
  }
  const gone: { host: string; namespace: string }[] = [];
  for (const record of table.list(HOST_PREFIX).filter(isOld)) {
    const claim = read(record, HostClaimSchema);
    if (claim?.released !== true || !isClaimOf(claim, record.key)) continue;
    const { host, namespace } = claim;
    // A version from before claims would ask for the host again.
    const isStanding = table.list(`${FUNCTION_PREFIX}${namespace}/`).some((held) => {
      const decoded = read(held, FunctionRecordSchema);
      return decoded !== undefined && hostsBeforeClaims(decoded).has(host);
    });
    if (isStanding) continue;
    await table.forget(record.key, record.revision);
    gone.push({ host, namespace });
  }
  return gone;
}

function read<S extends Parameters<typeof fromBinary>[0]>(
  { payload }: OpaqueRecord,
  schema: S,
): ReturnType<typeof fromBinary<S>> | undefined {
  try {
    return fromBinary(schema, payload);
  } catch {
    // From a newer version, or broken: not ours to judge.
    return undefined;
  }
}

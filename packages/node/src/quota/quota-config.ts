import { VERSIONS_KEPT_MAX } from '@popmesh/replication';
import { z } from 'zod';
import { HOSTS_MAX } from '../hosts/host-limits.ts';

/** `[quota]` of node.toml: what a namespace may have in all where no record says otherwise. */

const MOST = 1_000_000;
const amount = (fallback: number, max = MOST) => z.int().min(1).max(max).default(fallback);

export const quotaConfigSchema = z.strictObject({
  functions: amount(500),
  /** Of one function; those that an alias points to stay beside them. */
  versionsKept: amount(VERSIONS_KEPT_MAX, VERSIONS_KEPT_MAX),
  /** Bytes of all kept versions; what they have in common counts once. */
  storedMb: amount(4_096),
  hosts: amount(HOSTS_MAX, 10_000),
});

export type Quota = z.output<typeof quotaConfigSchema>;

/** Namespaces whose quota differs from the operator's default; more are refused. */
export const QUOTAS_MAX = 10_000;
export const QUOTA_ATTEMPTS_MAX = 5;

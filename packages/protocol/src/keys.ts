import { type FunctionId, functionId } from '@popmesh/contracts';

/** The key space of the record table, shared by all who read or write it. */

export const FUNCTION_PREFIX = 'function/';
export const NODE_PREFIX = 'node/';
export const GATEWAY_PREFIX = 'gateway/';
export const HOST_PREFIX = 'host/';
export const QUOTA_PREFIX = 'quota/';

export const functionKey = (namespace: string, name: string): string =>
  `${FUNCTION_PREFIX}${functionId(namespace, name)}`;

export const nodeKey = (id: string): string => `${NODE_PREFIX}${id}`;
export const gatewayKey = (id: string): string => `${GATEWAY_PREFIX}${id}`;

/** Each claimant has a record of its own, so that neither side of a split loses its claim. */
export const hostKey = (host: string, namespace: string): string =>
  `${HOST_PREFIX}${host}/${namespace}`;
export const quotaKey = (namespace: string): string => `${QUOTA_PREFIX}${namespace}`;

/** `function/ns/name` → `ns/name`; undefined for another kind of key. */
export const functionIdOfKey = (key: string): FunctionId | undefined =>
  key.startsWith(FUNCTION_PREFIX) ? (key.slice(FUNCTION_PREFIX.length) as FunctionId) : undefined;

/** Announcements die with their member; only the rest is written to disk. */
export const isDurableKey = (key: string): boolean =>
  !key.startsWith(NODE_PREFIX) && !key.startsWith(GATEWAY_PREFIX);

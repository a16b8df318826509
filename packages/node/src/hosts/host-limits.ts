/** Bounds of claims to custom hosts. See LIMITS.md. */

/** Hosts of one namespace, where nobody set a quota. */
export const HOSTS_MAX = 100;

/** Deploys with routes, releases and deletions waiting for each other on this node. */
export const HOST_CHANGES_WAITING_MAX = 256;
/** Times a claim is written again because a newer record of it came in between. */
export const CLAIM_ATTEMPTS_MAX = 5;

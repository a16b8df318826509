import { GRPC_MESSAGE_BYTES_MAX, RECORD_ENVELOPE_BYTES_MAX } from '@popmesh/protocol';

/** Bounds that are not for operators to set. Each names what happens beyond it. */

/** Member updates in one message; the rest waits for the next. */
export const UPDATES_PER_MESSAGE_MAX = 128;
/** Records riding on a probe; the rest goes by push. */
export const PING_RECORD_BYTES_MAX = 16 * 1024;
/** Records in one push; the rest goes with the next round. */
export const PUSH_RECORD_BYTES_MAX = 1024 * 1024;
/** Records in one sync message; the next round carries the rest. */
export const SYNC_RECORD_BYTES_MAX = 1024 * 1024;
/** Heads in one sync message (about 300 bytes each at most); the rest in the next round. */
export const SYNC_HEADS_MAX = 8192;
/** Rounds of one reconcile; what is left waits for the next interval. */
export const SYNC_ROUNDS_MAX = 256;
/** Reconciles that we started and that run at once; more wait, one per member. */
export const SYNCS_AT_ONCE_MAX = 3;
/** Records waiting to be pushed; the oldest is dropped, anti-entropy will carry it. */
export const RUMORS_MAX = 4096;
export const RUMOR_BYTES_MAX = 16 * 1024 * 1024;
/** Keys remembered as dropped so that nobody brings them back; the oldest is forgotten. */
export const FORGOTTEN_KEYS_MAX = 8192;
/** Bytes waiting for one group commit; more is refused as `overloaded`. */
export const COMMIT_QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** The log is folded into a snapshot when it is larger than this and than the snapshot. */
export const LOG_BYTES_BEFORE_SNAPSHOT = 4 * 1024 * 1024;
/** gRPC channels kept open; the longest unused is closed. */
export const CLIENTS_MAX = 256;
export const MEMBER_ID_LENGTH_MAX = 128;
export const MEMBER_ADDRESS_LENGTH_MAX = 256;
/** Lifeguard's local health: probes are up to 1 + this many times slower. */
export const LOCAL_HEALTH_MAX = 8;
/** A claimed incarnation above this is refused, so that nobody can use the numbers up. */
export const INCARNATION_MAX = 2 ** 48;

// One record of the largest size, or the heads, must fit a message beside the member list.
if (SYNC_RECORD_BYTES_MAX + RECORD_ENVELOPE_BYTES_MAX > GRPC_MESSAGE_BYTES_MAX / 2) {
  throw new Error('a sync message may not fit gRPC');
}
if (SYNC_HEADS_MAX * 300 > GRPC_MESSAGE_BYTES_MAX * 0.75) {
  throw new Error('the heads of a sync may not fit gRPC');
}

export type { ChunkSupply } from './chunk-exchange.ts';
export { type ReplicationConfig, replicationConfigSchema } from './config.ts';
export { LIVE_ALIAS, type LiveVersion } from './function-record.ts';
export { createFunctionResolver } from './function-resolver.ts';
export { VERSIONS_KEPT_MAX } from './limits.ts';
export { noticeName } from './notices.ts';
export type { PublishOutcome } from './record-writer.ts';
export {
  type Deploy,
  type FunctionView,
  type GoingBack,
  Registry,
  type RegistryChange,
  type RegistryOptions,
} from './registry.ts';
export {
  createReplication,
  type Replication,
  type ReplicationOptions,
  type ReplicationStatus,
} from './replication.ts';
export { acceptedAt, versionName } from './version-order.ts';

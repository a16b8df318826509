export {
  type AnnouncementSource,
  AnnouncementWriter,
  type AnnouncementWriterOptions,
} from './announcement-writer.ts';
export {
  type GossipConfig,
  type GossipConfigInput,
  gossipConfigSchema,
  parseGossipConfig,
} from './config.ts';
export { type DiskPersistenceOptions, diskPersistence } from './disk-persistence.ts';
export { createGossip } from './gossip.ts';
export type { Gossip, GossipOptions, MemberListener } from './gossip-api.ts';
export { type GrpcChannelCredentials, GrpcGossipTransport } from './grpc-transport.ts';
export type { IdState, Rival } from './id-claim.ts';
export { isLive, type Member, type MemberRole, type MemberState } from './member.ts';
export { memoryPersistence } from './memory-persistence.ts';
export { MemoryGossipTransport, type MessageNetwork } from './memory-transport.ts';
export type { MeshTimeView } from './mesh-time.ts';
export type { RecordPersistence, StoredRecord, StoredState } from './persistence.ts';
export { Readiness, type ReadinessOptions, type ReadinessState } from './readiness.ts';
export type { GossipRecordTable } from './record-table.ts';
export { ALONE_AFTER_MS, Standing, type StandingOptions } from './standing.ts';
export type { GossipHandlers, GossipMethod, GossipTransport } from './transport.ts';

export {
  create,
  fromBinary,
  fromJson,
  type MessageInitShape,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
export * from './envelope.ts';
export * from './generated/popmesh/v1/mesh_pb.js';
export * from './generated/popmesh/v1/registry_pb.js';
export * from './grpc-client.ts';
export { fromServiceError, toServiceError } from './grpc-errors.ts';
export * from './grpc-server.ts';
export type {
  CallOptions,
  HandlerContext,
  ServiceClient,
  ServiceHandlers,
} from './grpc-service.ts';
export { type TlsCredentials, type TlsMaterial, tlsCredentials } from './grpc-tls.ts';
export * from './host-ownership.ts';
export * from './identity.ts';
export { readIdentityFile } from './identity-file.ts';
export * from './keys.ts';
export * from './limits.ts';
export { isSameTls, readTlsFiles, type TlsFiles } from './tls-files.ts';

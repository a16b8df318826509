export type { Surroundings } from './command-line.ts';
export { type EnsureOptions, ensureNatsServer } from './dev/nats-server/ensure.ts';
export { findNatsServer, type NatsServer } from './dev/nats-server/find.ts';
export { EXIT } from './exit-codes.ts';
export { issueToken, type TokenRequest } from './mesh-keys/token.ts';
export { createProgram, runCli } from './program.ts';

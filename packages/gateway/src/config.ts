import { dirname, resolve } from 'node:path';
import { isName } from '@popmesh/contracts';
import { announceProblem, isLoopback, isWildcard, loadConfig } from '@popmesh/daemon';
import { gossipConfigSchema } from '@popmesh/gossip';
import { z } from 'zod';

/**
 * The gateway's settings: strict, complete and frozen after loading. Every
 * default stands here with its reason; times in ms, sizes with their unit.
 */

const ms = (initial: number, max = 3_600_000) => z.number().int().min(0).max(max).default(initial);
const count = (initial: number, max = 1_000_000) =>
  z.number().int().min(1).max(max).default(initial);

const MIB = 1024 * 1024;
const bytes = (initial: number) =>
  z
    .number()
    .int()
    .min(1)
    .max(2 ** 40)
    .default(initial);

const listen = z.strictObject({
  host: z.string().default('127.0.0.1'),
  /** Client traffic. 0 picks a free port. */
  port: z.number().int().min(0).max(65535).default(8080),
  /** Gossip. Bound to `meshHost`, loopback unless the mesh has TLS. */
  meshHost: z.string().default('127.0.0.1'),
  meshPort: z.number().int().min(0).max(65535).default(0),
  /** What others are told to connect to, when it is not what is bound (a container, a NAT, 0.0.0.0). */
  advertiseHost: z.string().min(1).optional(),
  /** Health, metrics and the debug page: never on the public address by default. */
  adminHost: z.string().default('127.0.0.1'),
  adminPort: z.number().int().min(0).max(65535).default(0),
});

const mesh = z.strictObject({
  /** The mesh's Ed25519 root key, base64url. */
  rootPublicKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes as base64url'),
  identityFile: z.string().default('identity.json'),
  seeds: z.array(z.string().regex(/^.+:\d+$/, 'must be host:port')).default([]),
});

/** Where clients without a known place are thought to be: here. */
const location = z.strictObject({
  latitude: z.number().min(-90).max(90).default(0),
  longitude: z.number().min(-180).max(180).default(0),
  pop: z.string().default(''),
});

/** What one client may hold: an IPv4 address, or an IPv6 /64. Many people may be behind one. */
const clientLimits = z.strictObject({
  /** A twentieth of all. A browser opens six; a company's proxy some hundreds. */
  connectionsMax: count(1_000),
  inFlightMax: count(500),
  /** Requests whose body is not there yet. */
  waitingMax: count(500),
  /** Requests that a node was asked to serve though their body had hardly begun. */
  earlyMax: count(16),
  heldBytesMax: bytes(32 * MIB),
});

/** What the requests to one namespace may hold: half of everything. */
const namespaceLimits = z.strictObject({
  inFlightMax: count(5_000),
  waitingMax: count(5_000),
  earlyMax: count(64),
  heldBytesMax: bytes(128 * MIB),
});

const limits = z.strictObject({
  headerBytesMax: count(16 * 1024, 64 * 1024),
  headersMax: count(100, 1000),
  urlBytesMax: count(8 * 1024, 64 * 1024),
  /** From the first byte of a request to the end of its headers: slowloris ends here. */
  headersTimeoutMs: ms(5_000),
  /** From the first byte to the end of the body; long uploads need room. */
  requestTimeoutMs: ms(300_000),
  idleTimeoutMs: ms(30_000),
  /** No byte moved either way on a client socket: a slow reader ends here. */
  stallTimeoutMs: ms(60_000),
  connectionsMax: count(20_000),
  inFlightMax: count(10_000),
  waitingMax: count(10_000),
  heldBytesMax: bytes(256 * MIB),
  client: clientLimits.prefault({}),
  namespace: namespaceLimits.prefault({}),
  /** A body may pause for so long, and must otherwise come at this rate until its answer begins. */
  bodyIdleMs: ms(30_000),
  bodyBytesPerSecondMin: count(500),
  /** A body that is not whole by then may go to a node as a stream, for those who wait for an early answer. */
  earlyAfterMs: ms(100, 60_000),
  /** Requests at one data plane at once = its connections: nothing queues inside the pool. */
  nodeInFlightMax: count(256, 4096),
  /** Bodies up to here are held for a second try; larger ones stream and are sent once. */
  replayBodyBytesMax: z
    .number()
    .int()
    .min(0)
    .max(1024 * 1024)
    .default(64 * 1024),
});

const retry = z.strictObject({
  attemptsMax: count(3, 10),
  /** Retries that may repeat work, as a share of requests (Envoy's retry budget). */
  budgetRatio: z.number().min(0).max(1).default(0.2),
  budgetMinPerSecond: z.number().min(0).max(1000).default(3),
});

const health = z.strictObject({
  connectTimeoutMs: ms(1_000, 60_000),
  /** A request without answer for so long makes its node suspect, and the node is probed. */
  suspectAfterMs: ms(200, 60_000),
  /** Per probe, on top of twice the estimated round trip; two in a row must fail. */
  probeTimeoutMs: ms(150, 60_000),
  probeIntervalMs: ms(250, 60_000),
  backoffMaxMs: ms(30_000),
});

const drain = z.strictObject({
  /** Readiness is off and answers say `connection: close`, but new requests are still served. */
  noticeMs: ms(500),
  timeoutMs: ms(30_000),
});

const tls = z.strictObject({ cert: z.string(), ca: z.string(), key: z.string() });

export const gatewayConfigSchema = z
  .strictObject({
    id: z.string().refine(isName, 'must be a DNS label: 1 to 63 of a-z, 0-9 and "-"'),
    dataDir: z.string().min(1),
    /** `<function>.<namespace>.<domain>`. */
    domain: z
      .string()
      .toLowerCase()
      .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, 'must be a host name')
      .default('localhost'),
    /** Peers whose word on the client's address and place is taken. */
    trustedProxies: z
      .array(z.union([z.cidrv4(), z.cidrv6()], 'must be a range: 10.0.0.0/8, or 10.0.0.1/32'))
      .default([]),
    /** An .mmdb of the operator's own (country or city); the bundled one otherwise. */
    geoipFile: z.string().min(1).optional(),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    listen: listen.prefault({}),
    mesh,
    location: location.prefault({}),
    limits: limits.prefault({}),
    retry: retry.prefault({}),
    health: health.prefault({}),
    drain: drain.prefault({}),
    gossip: gossipConfigSchema.prefault({}),
    /** PEM files; mutual TLS with the mesh. Needed for gossip off loopback. */
    tls: tls.optional(),
  })
  .superRefine((config, context) => {
    const { host, meshHost, advertiseHost } = config.listen;
    const add = (key: 'host' | 'meshHost' | 'advertiseHost', message: string): void =>
      context.addIssue({ code: 'custom', path: ['listen', key], message });
    const key = 'listen.mesh_host';
    const { seeds } = config.mesh;
    const problem = announceProblem({ key, host: meshHost, advertiseHost, seeds });
    if (problem !== undefined) {
      add(advertiseHost === undefined ? 'meshHost' : 'advertiseHost', problem);
    } else if (advertiseHost === undefined && isWildcard(host)) {
      const own = announceProblem({ key: 'listen.host', host, advertiseHost, seeds: [] });
      if (own !== undefined) add('host', own);
    }
    if (isLoopback(config.listen.meshHost) || config.tls !== undefined) return;
    context.addIssue({
      code: 'custom',
      path: ['listen', 'meshHost'],
      message: `${config.listen.meshHost} is not loopback, and there is no [tls] section: the mesh speaks plaintext on loopback only`,
    });
  });

export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
export type LimitsConfig = GatewayConfig['limits'];
export type HealthConfig = GatewayConfig['health'];

export const GATEWAY_ENV_PREFIX = 'POPMESH_GATEWAY_';

/** Reads gateway.toml and the environment; paths are relative to the file. Throws `invalid_config`. */
export function loadGatewayConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): GatewayConfig {
  const config = loadConfig({
    schema: gatewayConfigSchema,
    file,
    env,
    envPrefix: GATEWAY_ENV_PREFIX,
  });
  const base = dirname(resolve(file));
  const at = (path: string): string => resolve(base, path);
  const { geoipFile, tls: files } = config;
  return Object.freeze({
    ...config,
    dataDir: at(config.dataDir),
    mesh: Object.freeze({ ...config.mesh, identityFile: at(config.mesh.identityFile) }),
    ...(geoipFile === undefined ? {} : { geoipFile: at(geoipFile) }),
    ...(files === undefined
      ? {}
      : { tls: Object.freeze({ cert: at(files.cert), ca: at(files.ca), key: at(files.key) }) }),
  });
}

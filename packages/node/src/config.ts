import { dirname, resolve } from 'node:path';
import { artifactsConfigSchema } from '@popmesh/artifacts';
import { isName, PopmeshError } from '@popmesh/contracts';
import { announceProblem, isLoopback, loadConfig } from '@popmesh/daemon';
import { gossipConfigSchema } from '@popmesh/gossip';
import { replicationConfigSchema } from '@popmesh/replication';
import { runtimeConfigSchema } from '@popmesh/runtime';
import { z } from 'zod';
import { hostsConfigSchema } from './hosts/host-rules.ts';
import { quotaConfigSchema } from './quota/quota-config.ts';

/**
 * node.toml. Complete and frozen inside: whoever gets a slice of it never asks
 * again whether a value is there. Paths are relative to the file, so that a
 * folder with a node in it can be moved.
 */

const name = z.string().refine(isName, 'must be a DNS label: 1 to 63 of a-z, 0-9 and "-"');
const port = z.int().min(0).max(65535);
const rawKey = z
  .string()
  .refine((text) => Buffer.from(text, 'base64url').length === 32, 'must be 32 bytes as base64url');
const address = z.string().regex(/^(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, 'must be host:port');

const settings = z
  .object({
    id: name,
    dataDir: z.string().min(1),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    pop: z.object({
      code: name,
      name: z.string().min(1).max(100).optional(),
      region: name,
      latitude: z.number().min(-90).max(90),
      longitude: z.number().min(-180).max(180),
    }),
    listen: z
      .object({
        host: z.string().min(1).default('127.0.0.1'),
        /** What others connect to, when it is not `host` (a container, a NAT, 0.0.0.0). */
        advertiseHost: z.string().min(1).optional(),
        apiPort: port.default(0),
        meshPort: port.default(0),
      })
      .prefault({}),
    mesh: z.object({
      rootPublicKey: rawKey,
      identityFile: z.string().min(1).default('identity.json'),
      seeds: z.array(address).max(64).default([]),
      /** How patient failure detection is: between PoPs, or on one machine. See [gossip]. */
      profile: z.enum(['wan', 'local']).default('wan'),
    }),
    /** Absent: this node never speaks to NATS. */
    nats: replicationConfigSchema.optional(),
    /** PEM files. Mutual TLS between nodes and gateways; needed off loopback. */
    tls: z
      .object({ cert: z.string().min(1), key: z.string().min(1), ca: z.string().min(1) })
      .optional(),
    artifacts: artifactsConfigSchema.prefault({}),
    runtime: runtimeConfigSchema,
    gossip: gossipConfigSchema.prefault({}),
    auth: z
      .object({
        /** `jti` of tokens that are refused although they have not expired. */
        revokedTokenIds: z.array(z.string().max(128)).max(10_000).default([]),
      })
      .prefault({}),
    hosts: hostsConfigSchema.prefault({}),
    /** What each namespace may have in all, where no record says otherwise. */
    quota: quotaConfigSchema.prefault({}),
    limits: z
      .object({
        /** One uploaded component; what is larger is refused before it is buffered. */
        componentMb: z.number().positive().max(256).default(50),
        /** Uploads in memory at once: times `componentMb`, the worst case of the deploy path. */
        uploadsMax: z.int().min(1).max(64).default(4),
        /** Functions made ready at once. */
        applyParallelMax: z.int().min(1).max(16).default(2),
        /** Fetching, preparing and loading one revision. */
        applyTimeoutMs: z.int().min(1000).default(60_000),
      })
      .prefault({}),
    metrics: z
      .object({
        /** Whether /metrics answers without a token off loopback, too. */
        public: z.boolean().default(false),
      })
      .prefault({}),
    drain: z
      .object({
        /** Between telling gateways and refusing work: they hear of it by gossip and polling. */
        noticeMs: z.int().min(0).default(1000),
        /** For requests in flight. */
        timeoutMs: z.int().min(0).default(30_000),
      })
      .prefault({}),
  })
  .superRefine((config, context) => {
    if (!isLoopback(config.listen.host) && config.tls === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['listen', 'host'],
        message: `${config.listen.host} is not loopback, and there is no [tls] section: the mesh speaks plaintext on loopback only`,
      });
    }
    const { host, advertiseHost } = config.listen;
    const key = 'listen.host';
    const problem = announceProblem({ key, host, advertiseHost, seeds: config.mesh.seeds });
    if (problem !== undefined) {
      const path = ['listen', advertiseHost === undefined ? 'host' : 'advertiseHost'];
      context.addIssue({ code: 'custom', path, message: problem });
    }
  });

/** Gossip's defaults hang on the profile, so it must be there before they are filled in. */
export const nodeConfigSchema = z.preprocess((input) => {
  const { mesh, gossip } = (input ?? {}) as { mesh?: { profile?: unknown }; gossip?: object };
  if (mesh?.profile === undefined) return input;
  return { ...(input as object), gossip: { profile: mesh.profile, ...gossip } };
}, settings);

export type NodeConfig = z.output<typeof settings>;
export type NodeConfigInput = z.input<typeof settings>;

export const NODE_ENV_PREFIX = 'POPMESH_NODE_';

/** Reads node.toml and the environment; throws `invalid_config`. */
export function loadNodeConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): NodeConfig {
  const config = loadConfig({ schema: nodeConfigSchema, file, env, envPrefix: NODE_ENV_PREFIX });
  return resolvePaths(config, dirname(resolve(file)));
}

export function resolvePaths(config: NodeConfig, base: string): NodeConfig {
  const at = (path: string): string => resolve(base, path);
  return Object.freeze({
    ...config,
    dataDir: at(config.dataDir),
    mesh: Object.freeze({ ...config.mesh, identityFile: at(config.mesh.identityFile) }),
    ...(config.tls === undefined
      ? {}
      : {
          tls: Object.freeze({
            cert: at(config.tls.cert),
            key: at(config.tls.key),
            ca: at(config.tls.ca),
          }),
        }),
    ...(config.nats?.tls === undefined
      ? {}
      : { nats: Object.freeze({ ...config.nats, tls: resolveAll(config.nats.tls, at) }) }),
  });
}

const resolveAll = <T extends object>(files: T, at: (path: string) => string): T =>
  Object.freeze(
    Object.fromEntries(Object.entries(files).map(([key, file]) => [key, at(String(file))])),
  ) as T;

/** The same checks for a config made in code: tests and `popmesh dev`. */
export function parseNodeConfig(input: NodeConfigInput): NodeConfig {
  return loadConfig({ schema: nodeConfigSchema, overrides: input });
}

export function rootPublicKeyOf(config: NodeConfig): Uint8Array {
  const key = new Uint8Array(Buffer.from(config.mesh.rootPublicKey, 'base64url'));
  if (key.length !== 32) throw new PopmeshError('invalid_config', 'mesh.root_public_key');
  return key;
}

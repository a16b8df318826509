import { z } from '@hono/zod-openapi';
import { ERROR_CODES, type ErrorCode, isName, isRoutePath } from '@popmesh/contracts';
import { routeOffSchema } from '../hosts/host-schemas.ts';

/** The control API's words. The OpenAPI document is made from these, so descriptions stand here. */

const name = z.string().refine(isName, 'must be 1 to 63 of a-z, 0-9 and "-"');
const revision = z
  .string()
  .regex(/^\d{1,20}$/)
  .openapi({ description: 'Revision of the function record; only grows. Decimal.' });

export const errorSchema = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      hint: z.string().optional(),
      details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
    }),
  })
  .openapi('Error');

export const functionParams = z.object({
  namespace: name.openapi({ param: { name: 'namespace', in: 'path' } }),
  name: name.openapi({ param: { name: 'name', in: 'path' } }),
});

const uint = (max: number) => z.int().min(0).max(max);

/** FunctionConfig of the registry; zero or absent means the platform's default. */
export const functionConfigSchema = z
  .strictObject({
    routes: z
      .array(
        z.strictObject({
          host: z.string().max(253),
          path: z
            .string()
            .max(1024)
            .refine(
              isRoutePath,
              'must begin with "/", with "*" at the end only, and no dot segments',
            )
            .default('/'),
        }),
      )
      .max(100)
      .default([]),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), z.string().max(16_384))
      .refine((env) => JSON.stringify(env).length <= 65_536, 'may be 64 KB in all')
      .default({}),
    limits: z
      .strictObject({
        cpuMs: uint(300_000),
        timeoutMs: uint(900_000),
        memoryMb: uint(4096),
        requestBodyMb: uint(1024),
        responseBodyMb: uint(1024),
        outboundConcurrent: uint(100),
        outboundTotal: uint(10_000),
        outboundMb: uint(10_240),
        logKb: uint(10_240),
      })
      .partial()
      .default({}),
    scaling: z
      .strictObject({
        min: uint(64),
        max: uint(64),
        concurrency: uint(1000),
        idleTimeoutMs: uint(86_400_000),
        queue: uint(10_000),
      })
      .partial()
      .default({}),
    outboundHosts: z.array(z.string().min(1).max(253)).max(100).default([]),
    isolation: z.enum(['', 'instance', 'request']).default('instance'),
    regions: z.array(name).max(64).default([]),
  })
  .openapi('FunctionConfig');

export const manifestSchema = z
  .strictObject({
    label: z.string().max(64).default(''),
    engine: z.string().max(32).default('component'),
    config: functionConfigSchema.prefault({}),
  })
  .openapi('DeployManifest');
export type DeployManifest = z.output<typeof manifestSchema>;

const routesOff = z
  .array(routeOffSchema)
  .openapi({ description: 'Routes of the live version that no gateway serves.' });

export const deployedSchema = z
  .object({
    function: z.string(),
    namespace: z.string(),
    name: z.string(),
    version: z.int(),
    label: z.string(),
    revision,
    artifact: z
      .object({
        digest: z.string(),
        sizeBytes: z.int(),
        chunks: z.int(),
        newChunks: z.int().openapi({ description: 'Chunks that this node did not have yet.' }),
      })
      .optional(),
    durable: z.object({
      local: z.literal(true),
      jetstream: z.enum(['stored', 'pending', 'disabled']),
      reason: z
        .string()
        .optional()
        .openapi({ description: 'What keeps JetStream from it; absent where it is only slow.' }),
    }),
    routesOff,
    warnings: z
      .array(z.string())
      .optional()
      .openapi({ description: 'What happened to it since its author deployed it last.' }),
  })
  .openapi('Deployed');

export const noticeSchema = z
  .object({
    timeMs: z.number(),
    kind: z.string().openapi({ description: '`conflict` or `rolled_back`.' }),
    message: z.string(),
    versions: z.array(z.int()),
    authors: z.array(z.string()),
  })
  .openapi('Notice', { description: 'What the mesh did with it and nobody asked for.' });

export const functionSchema = z
  .object({
    function: z.string(),
    namespace: z.string(),
    name: z.string(),
    version: z.int(),
    label: z.string(),
    revision,
    aliases: z.record(z.string(), z.array(z.object({ version: z.int(), weight: z.int() }))),
    updatedAtMs: z.number(),
    sizeBytes: z.int(),
    engine: z.string(),
    readyOn: z.array(z.string()).openapi({ description: 'Nodes that serve this revision.' }),
    routesOff,
    olderOn: z
      .array(z.object({ node: z.string(), version: z.int() }))
      .openapi({ description: 'Nodes that could not, and serve an older version in its place.' }),
    failedOn: z
      .array(z.object({ node: z.string(), code: z.string(), message: z.string() }))
      .openapi({ description: 'Nodes that could not make this revision ready, and why.' }),
    notices: z.array(noticeSchema),
  })
  .openapi('Function');

export const functionWithConfigSchema = functionSchema
  .extend({ digest: z.string(), door: z.string(), config: functionConfigSchema })
  .openapi('FunctionWithConfig');

export const versionSchema = z
  .object({
    version: z.int(),
    was: z
      .int()
      .optional()
      .openapi({ description: 'The number it had before two sides of a split were joined.' }),
    label: z.string(),
    live: z.boolean(),
    weight: z.int(),
    createdAtMs: z.number(),
    createdBy: z.string(),
    sizeBytes: z.int(),
    digest: z.string(),
    engine: z.string(),
  })
  .openapi('Version');

export const rolloutSchema = z
  .object({
    function: z.string(),
    revision,
    total: z.int(),
    ready: z.int(),
    nodes: z.array(
      z.object({
        id: z.string(),
        pop: z.string(),
        state: z.enum(['ready', 'pending', 'failed', 'unreachable']),
        code: z.string().optional(),
        message: z.string().optional(),
        servesVersion: z
          .int()
          .optional()
          .openapi({ description: 'The older version that it serves in its place.' }),
      }),
    ),
    undone: z
      .string()
      .optional()
      .openapi({ description: 'No node could make it ready, and `live` went back: why.' }),
    warnings: z
      .array(z.string())
      .openapi({ description: 'What happened to the function since this revision.' }),
  })
  .openapi('Rollout');
export type Rollout = z.output<typeof rolloutSchema>;

export const deletedSchema = z
  .object({
    function: z.string(),
    deleted: z.literal(true),
    revision,
    hostsReleased: z
      .array(z.string())
      .openapi({ description: 'Hosts that no other function of the namespace names.' }),
  })
  .openapi('Deleted');

const ofOperators = <T extends z.ZodType>(schema: T) =>
  schema.optional().openapi({ description: 'Only for a token for all namespaces.' });

export const statusSchema = z
  .object({
    node: z.string().openapi({ description: 'The node that answers.' }),
    nodes: z.array(
      z.object({
        id: z.string(),
        pop: z.string(),
        popName: z.string(),
        region: z.string(),
        location: z.object({ lat: z.number(), lon: z.number() }),
        state: z.string(),
        pid: ofOperators(z.int()),
        functionsReady: z.int(),
        load: z.number(),
        apiAddress: ofOperators(z.string()),
        meshAddress: ofOperators(z.string()),
        dataPlanes: z
          .array(z.object({ namespace: z.string(), address: z.string() }))
          .openapi({ description: 'Of the namespaces of the token.' }),
        startedAtMs: z.number(),
        version: z.string(),
        notReadyReason: z.string().optional(),
        clockAheadMs: z.number().optional(),
        cgroup: z.string().optional(),
      }),
    ),
    gateways: z.array(
      z.object({
        id: z.string(),
        address: z.string(),
        state: z.string(),
        pid: ofOperators(z.int()),
        location: z.object({ lat: z.number(), lon: z.number() }),
        startedAtMs: z.number(),
        version: z.string(),
        domain: z.string().optional(),
      }),
    ),
    nats: z.object({
      connected: z.boolean(),
      version: z.string().optional(),
      pending: z.int().optional(),
      problem: z.string().optional(),
      enabled: z.boolean(),
    }),
    functions: z.int().openapi({ description: 'In the namespaces of the token.' }),
    problems: z.array(z.string()).openapi({
      description: 'What an operator should look at, a sentence each; empty while all is well.',
    }),
  })
  .openapi('Status');
export type Status = z.output<typeof statusSchema>;

export const logLineSchema = z
  .object({
    timeMs: z.number(),
    node: z.string(),
    pop: z.string(),
    function: z.string(),
    version: z.int(),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    requestId: z.string(),
  })
  .openapi('LogLine');

export { name as nameSchema, revision as revisionSchema };

import { z } from 'zod';
import { parseNatsUrl } from './nats-address.ts';

export const replicationConfigSchema = z.strictObject({
  /**
   * One server, or several with commas: `nats://a:4222,nats://b:4222`; `tls://` for TLS. User and
   * password, or the token, may be in it: `tls://user:password@a:4222`, `tls://token@a:4222`.
   */
  url: z
    .string()
    .min(1)
    .superRefine((url, context) => {
      try {
        parseNatsUrl(url);
      } catch (caught) {
        context.addIssue({ code: 'custom', message: (caught as Error).message });
      }
    }),
  token: z.string().min(1).optional(),
  user: z.string().min(1).optional(),
  password: z.string().optional(),
  /** PEM files; with them `nats://` is TLS, too. */
  tls: z
    .strictObject({
      caFile: z.string().optional(),
      certFile: z.string().optional(),
      keyFile: z.string().optional(),
    })
    .optional(),
  /** Shown by the server in its list of connections. */
  clientName: z.string().default('popmesh'),
  /** Copies of bucket and stream in a NATS cluster; takes effect when they are created. */
  replicas: z.int().min(1).max(5).default(1),
  /** First part of every bucket, stream and subject: several meshes may share one NATS. */
  prefix: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, '1 to 32 of a-z, 0-9 and "-"')
    .default('popmesh'),
  /** How long a publish is waited for before it is called pending. */
  publishWaitMs: z.int().nonnegative().default(2_000),
  /** Time between two comparisons of bucket and table, give or take 20 %. */
  reconcileIntervalMs: z.int().positive().default(30_000),
  connectTimeoutMs: z.int().positive().default(1_000),
  requestTimeoutMs: z.int().positive().default(3_000),
  /** A server that does not answer two pings in a row is gone. */
  pingIntervalMs: z.int().positive().default(3_000),
  backoffMinMs: z.int().positive().default(100),
  backoffMaxMs: z.int().positive().default(2_000),
  /** Cap of the chunk stream; -1 leaves it to the server's own limit. */
  chunkStreamBytesMax: z.int().min(-1).default(-1),
  /** How long a chunk that no record names stays in the stream, seen over one connection. */
  chunkCollectGraceMs: z.int().nonnegative().default(3_600_000),
});

export type ReplicationConfig = z.infer<typeof replicationConfigSchema>;

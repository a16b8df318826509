import {
  DEFAULT_NAMESPACE,
  isHostName,
  isName,
  isRoutePath,
  NAME_LENGTH_MAX,
} from '@popmesh/contracts';
import { z } from 'zod';

/**
 * popmesh.toml, strictly. The schema is the reference: README.md's table is
 * checked against it. Ranges are what a node may ever allow; a node's own
 * ceilings can be lower and are applied there, because only its operator
 * knows them.
 */

export const ENGINES = ['quickjs', 'starlingmonkey', 'rust', 'component'] as const;
export type Engine = (typeof ENGINES)[number];

export const LABEL_LENGTH_MAX = 64;
export const ROUTES_MAX = 64;
export const OUTBOUND_HOSTS_MAX = 64;
export const REGIONS_MAX = 32;
export const ENV_ENTRIES_MAX = 128;
/** Env travels inside a record (512 KiB with up to 20 versions in it). */
export const ENV_BYTES_MAX = 16 * 1024;

const NAME_RULE = `use 1 to ${NAME_LENGTH_MAX} of a-z, 0-9 and "-", with no "-" at either end`;
const name = z.string().refine(isName, { error: NAME_RULE });

const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const IPV4 = /^\d+(?:\.\d+){3}$/;

/** What may be called: `example.com` in lower case, also a single label; an address is none. */
export function isHost(host: string): boolean {
  if (host.length === 0 || host.length > 253 || IPV4.test(host)) return false;
  return host.split('.').every((label) => HOST_LABEL.test(label));
}

/** What `fetch` may reach: `api.example.com`, `api.example.com:8443`, `*.example.org`, `*`. */
export function isOutboundPattern(value: string): boolean {
  if (value === '*') return true;
  const [, host = '', port] = /^(?:\*\.)?([^:]*)(?::(\d{1,5}))?$/.exec(value) ?? [];
  return isHost(host) && (port === undefined || (Number(port) >= 1 && Number(port) <= 65_535));
}

const OUTBOUND_RULE =
  'use a host name such as "api.example.com", "api.example.com:8443" or "*.example.org", in lower case, without scheme or address; "*" is every public host';

export interface Route {
  readonly host: string;
  readonly path: string;
}

export function parseRoute(value: string): Route | undefined {
  const slash = value.indexOf('/');
  const host = slash === -1 ? value : value.slice(0, slash);
  const path = slash === -1 ? '/*' : value.slice(slash);
  return isHostName(host) && isRoutePath(path) ? { host, path } : undefined;
}

const route = z.string().transform((value, context) => {
  const parsed = parseRoute(value);
  if (parsed !== undefined) return parsed;
  context.addIssue({
    code: 'custom',
    message:
      'use "host/path", such as "example.com/api/*": a whole host name in lower case with a dot in it, no address, without scheme or port, and "*" only at the end of the path',
  });
  return z.NEVER;
});

const whole = (min: number, max: number) =>
  z
    .int({ error: `use a whole number from ${min} to ${max}` })
    .min(min)
    .max(max);

/** [least, most]; README.md shows them. */
export const LIMIT_RANGES = {
  cpu_ms: [1, 60_000],
  timeout_ms: [10, 300_000],
  memory_mb: [8, 2048],
  request_body_mb: [1, 100],
  response_body_mb: [1, 100],
  outbound_concurrent: [1, 64],
  outbound_total: [1, 1000],
  outbound_mb: [1, 1024],
  log_kb: [1, 1024],
} as const;

export const SCALING_RANGES = {
  min: [0, 64],
  max: [1, 64],
  concurrency: [1, 1000],
  idle_timeout_ms: [100, 3_600_000],
  queue: [1, 10_000],
} as const;

type Ranges = Readonly<Record<string, readonly [number, number]>>;

function rangesObject<R extends Ranges>(ranges: R) {
  const shape = Object.fromEntries(
    Object.entries(ranges).map(([key, [min, max]]) => [key, whole(min, max).optional()]),
  ) as { [K in keyof R]: z.ZodOptional<z.ZodInt> };
  return z.strictObject(shape);
}

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const env = z
  .record(
    z.string().regex(ENV_NAME, { error: 'env names are A-Z, a-z, 0-9 and "_"' }),
    z.string({ error: 'env values are strings: put the value in quotes' }),
  )
  .superRefine((entries, context) => {
    const bytes = Object.entries(entries).reduce(
      (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
      0,
    );
    if (Object.keys(entries).length > ENV_ENTRIES_MAX || bytes > ENV_BYTES_MAX) {
      context.addIssue({
        code: 'custom',
        message: `at most ${ENV_ENTRIES_MAX} entries and ${ENV_BYTES_MAX} bytes in all`,
      });
    }
  });

const relativePath = z
  .string()
  .refine(
    (value) => value !== '' && !value.startsWith('/') && !value.split(/[\\/]/).includes('..'),
    { error: 'use a path inside the folder of popmesh.toml' },
  );

export const manifestSchema = z.strictObject({
  name,
  namespace: name.default(DEFAULT_NAMESPACE),
  version: z
    .string({ error: 'use a string such as "1.0.0"' })
    .min(1)
    .max(LABEL_LENGTH_MAX)
    .regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/, { error: 'use letters, digits and ". + _ -"' })
    .default('0.0.0'),
  main: relativePath.optional(),
  engine: z
    .enum(ENGINES, { error: `use one of ${ENGINES.map((e) => `"${e}"`).join(', ')}` })
    .optional(),
  isolation: z
    .enum(['instance', 'request'], { error: 'use "instance" or "request"' })
    .default('instance'),
  routes: z.array(route).max(ROUTES_MAX).default([]),
  outbound: z
    .array(z.string().refine(isOutboundPattern, { error: OUTBOUND_RULE }))
    .max(OUTBOUND_HOSTS_MAX)
    .default([]),
  regions: z.array(name).max(REGIONS_MAX).default([]),
  env: env.default({}),
  limits: rangesObject(LIMIT_RANGES).default({}),
  scaling: rangesObject(SCALING_RANGES)
    .superRefine(({ min, max }, context) => {
      if (min !== undefined && min > (max ?? DEFAULT_SCALING_MAX)) {
        context.addIssue({
          code: 'custom',
          path: ['min'],
          message: `min is above max (${max ?? `default ${DEFAULT_SCALING_MAX}`})`,
        });
      }
    })
    .default({}),
  build: z
    .strictObject({
      command: z.string().min(1).max(4096).optional(),
      output: relativePath.optional(),
    })
    .default({}),
});

/** What a node uses when `max` is not given. */
export const DEFAULT_SCALING_MAX = 4;

export type Manifest = z.infer<typeof manifestSchema>;

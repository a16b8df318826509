import { PopmeshError } from '@popmesh/contracts';
import { type RuntimeConfig, type RuntimeConfigInput, runtimeConfigSchema } from './config.ts';

/**
 * What a function asks above this node's ceilings. A deploy of such is refused where it is
 * accepted; a record that another node accepted, under other ceilings, runs with what is allowed.
 */

/** Under the name that its author writes. */
export interface AboveCeiling {
  readonly limit: string;
  readonly asked: number;
  readonly allowed: number;
}

/** Zero, or nothing, asks for the default. */
export interface Asked {
  readonly limits?: Readonly<Partial<Record<keyof RuntimeConfig['limits'], number>>> | undefined;
  readonly scaling?:
    | Readonly<Partial<Record<'min' | 'max' | 'concurrency' | 'idleTimeoutMs' | 'queue', number>>>
    | undefined;
}

export type Ceilings = (asked: Asked) => AboveCeiling[];

export function ceilingsOf(input: RuntimeConfigInput): Ceilings {
  const config = runtimeConfigSchema.parse(input);
  return (asked) => aboveCeilings(asked, config);
}

export function aboveCeilings(asked: Asked, config: RuntimeConfig): AboveCeiling[] {
  const { minCeiling, ...scaling } = config.scaling;
  const rows = [
    ...Object.entries(config.limits).map(
      ([key, { ceiling }]) => [`limits.${key}`, asked.limits?.[key as 'cpuMs'], ceiling] as const,
    ),
    ['scaling.min', asked.scaling?.min, minCeiling] as const,
    ...Object.entries(scaling).map(
      ([key, { ceiling }]) => [`scaling.${key}`, asked.scaling?.[key as 'max'], ceiling] as const,
    ),
  ];
  return rows.flatMap(([limit, value, allowed]) =>
    value !== undefined && value > allowed
      ? [{ limit: written(limit), asked: value, allowed }]
      : [],
  );
}

export function aboveCeilingError(above: readonly AboveCeiling[]): PopmeshError {
  const [first] = above;
  const all = above.map(
    ({ limit, asked, allowed }) => `${limit} asks for ${asked}, ${allowed} is allowed`,
  );
  return new PopmeshError('above_ceiling', `above this node's ceilings: ${all.join('; ')}`, {
    hint: 'Ask for less in popmesh.toml, or have the operator raise the ceiling in node.toml.',
    ...(first === undefined ? {} : { details: { ...first } }),
  });
}

/** `limits.memoryMb` → `limits.memory_mb`. */
const written = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

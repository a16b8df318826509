import type { Manifest } from './manifest/schema.ts';

/**
 * The deployable part of popmesh.toml, in the JSON form of the wire message
 * `FunctionConfig` (written out here because `builder` needs nothing else of
 * `protocol`). What the author left open stays absent: the node fills it in.
 */
export interface FunctionConfigInit {
  readonly routes: { readonly host: string; readonly path: string }[];
  readonly env: Record<string, string>;
  readonly limits: Partial<Record<LimitName, number>>;
  readonly scaling: Partial<Record<ScalingName, number>>;
  readonly outboundHosts: string[];
  readonly isolation: 'instance' | 'request';
  readonly regions: string[];
  readonly engine: string;
}

type LimitName =
  | 'cpuMs'
  | 'timeoutMs'
  | 'memoryMb'
  | 'requestBodyMb'
  | 'responseBodyMb'
  | 'outboundConcurrent'
  | 'outboundTotal'
  | 'outboundMb'
  | 'logKb';
type ScalingName = 'min' | 'max' | 'concurrency' | 'idleTimeoutMs' | 'queue';

const camel = (key: string): string =>
  key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const camelKeys = (table: Readonly<Record<string, number | undefined>>) =>
  Object.fromEntries(
    Object.entries(table).flatMap(([key, value]) =>
      value === undefined ? [] : [[camel(key), value]],
    ),
  );

export function functionConfig(manifest: Manifest, engine: string): FunctionConfigInit {
  return {
    routes: manifest.routes,
    env: manifest.env,
    limits: camelKeys(manifest.limits),
    scaling: camelKeys(manifest.scaling),
    outboundHosts: manifest.outbound,
    isolation: manifest.isolation,
    regions: manifest.regions,
    engine,
  };
}

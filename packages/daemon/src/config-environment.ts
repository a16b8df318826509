import { parse } from 'smol-toml';
import { mergeTrees, nest, type Tree } from './config-tree.ts';

/**
 * `POPMESH_NODE_LISTEN__API_PORT=0` means `listen.api_port = 0`: two underscores
 * part sections, one is part of a key. Values are strings until the schema says
 * that it wanted something else, so that an id of `007` stays `007`.
 */

export interface EnvironmentValue {
  readonly path: readonly string[];
  readonly value: string;
}

export function environmentValues(
  env: Readonly<Record<string, string | undefined>>,
  prefix: string,
): EnvironmentValue[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (!name.startsWith(prefix) || value === undefined) return [];
    if (isOfKubernetes(name.slice(prefix.length), value)) return [];
    const path = name
      .slice(prefix.length)
      .toLowerCase()
      .split('__')
      .map((key) => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
    return path.some((key) => key === '') ? [] : [{ path, value }];
  });
}

/**
 * Kubernetes gives each container variables of every Service of its namespace: one called
 * `popmesh-node` gives `POPMESH_NODE_PORT=tcp://…`. None of ours looks like them.
 */
function isOfKubernetes(name: string, value: string): boolean {
  if (name.includes('__')) return false;
  if (OF_SERVICE.test(name)) return true;
  return /^(?:\w+_)?PORT$/.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value);
}

const OF_SERVICE =
  /^(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;

/** Reads as TOML the strings at which the schema stumbled over the type. */
export function withConvertedValues(
  input: Tree,
  environment: readonly EnvironmentValue[],
  issues: readonly { readonly code: string; readonly path: readonly PropertyKey[] }[],
): Tree {
  const stumbled = new Set(
    issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join('.')),
  );
  let out = input;
  for (const { path, value } of environment) {
    if (!stumbled.has(path.join('.'))) continue;
    try {
      out = mergeTrees(out, nest(path, parse(`value = ${value}`).value));
    } catch {
      // Not a TOML value either: the schema's own message about the string is the better one.
    }
  }
  return out;
}

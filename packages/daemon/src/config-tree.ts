/** Plain nested objects, as TOML gives them and schemas take them. */

export type Tree = { [key: string]: unknown };

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' &&
  value !== null &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null);

/** `api_port` → `apiPort`. Upper-case keys (names of environment variables) stay as they are. */
export function camelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelKeys);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
      camelKeys(inner),
    ]),
  );
}

export const nest = (path: readonly string[], value: unknown): Tree =>
  path.reduceRight((inner, key) => ({ [key]: inner }), value as Tree);

/** `over` wins; an explicit undefined does not. */
export function mergeTrees(base: Tree, over: Tree): Tree {
  const out: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const held = out[key];
    out[key] = isTree(held) && isTree(value) ? mergeTrees(held, value) : value;
  }
  return out;
}

export function deepFreeze<T>(value: T): T {
  if ((isTree(value) || Array.isArray(value)) && !Object.isFrozen(value)) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

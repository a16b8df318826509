import { PopmeshError } from './errors.ts';

/**
 * Names that appear in host names, paths, NATS subjects and file names at once:
 * a DNS label is the strictest of the four, so every name here is one.
 */

export const NAME_LENGTH_MAX = 63;
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;

export const DEFAULT_NAMESPACE = 'default';

/** A DNS label: 1 to 63 of `a-z 0-9 -`, no hyphen at either end. */
export const isName = (value: string): boolean => DNS_LABEL.test(value);

/** `what` names the thing in the error: "function name", "namespace", "PoP code". */
export function parseName(value: string, what: string): string {
  if (isName(value)) return value;
  throw new PopmeshError(
    'invalid_argument',
    `${what} ${JSON.stringify(value.slice(0, 80))} is not a name`,
    {
      hint: `Use 1 to ${NAME_LENGTH_MAX} of a-z, 0-9 and "-", with no "-" at either end.`,
    },
  );
}

/** `namespace/name`. */
export type FunctionId = `${string}/${string}`;

export const functionId = (namespace: string, name: string): FunctionId => `${namespace}/${name}`;

/** Accepts `name` (namespace `default`) and `namespace/name`. Throws `invalid_argument`. */
export function parseFunctionId(value: string): { namespace: string; name: string } {
  const parts = value.split('/');
  if (parts.length === 1) {
    return { namespace: DEFAULT_NAMESPACE, name: parseName(parts[0] ?? '', 'function name') };
  }
  if (parts.length !== 2) {
    throw new PopmeshError(
      'invalid_argument',
      `${JSON.stringify(value.slice(0, 200))} is not namespace/name`,
    );
  }
  return {
    namespace: parseName(parts[0] ?? '', 'namespace'),
    name: parseName(parts[1] ?? '', 'function name'),
  };
}

/** SHA-256, 64 lower-case hex digits. */
export const isDigest = (value: string): boolean => SHA256_HEX.test(value);

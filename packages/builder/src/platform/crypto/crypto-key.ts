import { tag } from '../define.ts';
import { callHost } from './call-host.ts';

/** CryptoKey: what may be done with a key; the key itself is the host's, known by its number. */

export type KeyUsage =
  | 'encrypt'
  | 'decrypt'
  | 'sign'
  | 'verify'
  | 'deriveKey'
  | 'deriveBits'
  | 'wrapKey'
  | 'unwrapKey';
export type KeyType = 'secret' | 'private' | 'public';

export interface KeyAlgorithm {
  name: string;
  length?: number;
  hash?: { name: string };
  namedCurve?: string;
  modulusLength?: number;
  publicExponent?: Uint8Array;
}

const KEY = Symbol('only we make keys');

const released = new FinalizationRegistry<number>((handle) => {
  callHost('release', { key: handle });
});

export class CryptoKey {
  readonly #handle: number;
  readonly #type: KeyType;
  readonly #extractable: boolean;
  readonly #algorithm: KeyAlgorithm;
  readonly #usages: KeyUsage[];

  constructor(
    key: unknown,
    handle: number,
    type: KeyType,
    extractable: boolean,
    algorithm: KeyAlgorithm,
    usages: KeyUsage[],
  ) {
    if (key !== KEY) throw new TypeError('Illegal constructor');
    this.#handle = handle;
    this.#type = type;
    this.#extractable = extractable;
    this.#algorithm = algorithm;
    this.#usages = usages;
    released.register(this, handle);
  }

  get type(): KeyType {
    return this.#type;
  }
  get extractable(): boolean {
    return this.#extractable;
  }
  get algorithm(): KeyAlgorithm {
    return this.#algorithm;
  }
  get usages(): KeyUsage[] {
    return this.#usages;
  }

  static handleOf(key: CryptoKey): number {
    return key.#handle;
  }
}

export const { handleOf } = CryptoKey;
Reflect.deleteProperty(CryptoKey, 'handleOf');

export const createKey = (
  handle: number,
  type: KeyType,
  extractable: boolean,
  algorithm: KeyAlgorithm,
  usages: Iterable<KeyUsage>,
): CryptoKey => new CryptoKey(KEY, handle, type, extractable, algorithm, ORDER_OF(usages));

const ORDER: readonly KeyUsage[] = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
];
const ORDER_OF = (usages: Iterable<KeyUsage>): KeyUsage[] => {
  const all = new Set(usages);
  return ORDER.filter((usage) => all.has(usage));
};

/** The key may be used so, with this algorithm. */
export function requireUsage(key: CryptoKey, name: string, usage: KeyUsage): void {
  if (!(key instanceof CryptoKey)) throw new TypeError('A CryptoKey is needed');
  if (key.algorithm.name !== name) {
    throw new DOMException(`This is a key for ${key.algorithm.name}`, 'InvalidAccessError');
  }
  if (!key.usages.includes(usage)) {
    throw new DOMException(`This key is not for "${usage}"`, 'InvalidAccessError');
  }
}

tag(CryptoKey, 'CryptoKey');

import { type BufferSource, isBufferSource, toBytes } from '../buffer-source.ts';
import type { KeyType, KeyUsage } from './crypto-key.ts';

/** The algorithms of crypto.subtle: their names, their kinds of key, what each key may do. */

export interface Parameters {
  readonly name: string;
  readonly [parameter: string]: unknown;
}
export type AlgorithmIdentifier = string | Parameters;

export interface Algorithm {
  readonly family: 'hash' | 'hmac' | 'aes' | 'rsa' | 'ec' | 'edwards' | 'kdf';
  readonly usages: Partial<Record<KeyType, readonly KeyUsage[]>>;
  /** The `alg` of a JWK, from the key's length in bits or its hash. */
  readonly jwkAlg?: (detail: string) => string | undefined;
}

const SIGNATURE: Algorithm['usages'] = { private: ['sign'], public: ['verify'] };
const AGREEMENT: Algorithm['usages'] = { private: ['deriveKey', 'deriveBits'], public: [] };
const CIPHER: Algorithm['usages'] = {
  secret: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'],
};
const shaBits = (hash: string): string => hash.slice(4);

export const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  'SHA-1': { family: 'hash', usages: {} },
  'SHA-256': { family: 'hash', usages: {} },
  'SHA-384': { family: 'hash', usages: {} },
  'SHA-512': { family: 'hash', usages: {} },
  HMAC: {
    family: 'hmac',
    usages: { secret: ['sign', 'verify'] },
    jwkAlg: (hash) => `HS${shaBits(hash)}`,
  },
  'AES-GCM': { family: 'aes', usages: CIPHER, jwkAlg: (bits) => `A${bits}GCM` },
  'AES-CBC': { family: 'aes', usages: CIPHER, jwkAlg: (bits) => `A${bits}CBC` },
  'AES-CTR': { family: 'aes', usages: CIPHER, jwkAlg: (bits) => `A${bits}CTR` },
  'AES-KW': {
    family: 'aes',
    usages: { secret: ['wrapKey', 'unwrapKey'] },
    jwkAlg: (bits) => `A${bits}KW`,
  },
  'RSASSA-PKCS1-v1_5': {
    family: 'rsa',
    usages: SIGNATURE,
    jwkAlg: (hash) => `RS${shaBits(hash)}`,
  },
  'RSA-PSS': { family: 'rsa', usages: SIGNATURE, jwkAlg: (hash) => `PS${shaBits(hash)}` },
  'RSA-OAEP': {
    family: 'rsa',
    usages: { private: ['decrypt', 'unwrapKey'], public: ['encrypt', 'wrapKey'] },
    jwkAlg: (hash) => (hash === 'SHA-1' ? 'RSA-OAEP' : `RSA-OAEP-${shaBits(hash)}`),
  },
  ECDSA: { family: 'ec', usages: SIGNATURE },
  ECDH: { family: 'ec', usages: AGREEMENT },
  Ed25519: { family: 'edwards', usages: SIGNATURE, jwkAlg: () => 'Ed25519' },
  X25519: { family: 'edwards', usages: AGREEMENT },
  HKDF: { family: 'kdf', usages: { secret: ['deriveKey', 'deriveBits'] } },
  PBKDF2: { family: 'kdf', usages: { secret: ['deriveKey', 'deriveBits'] } },
};

const BY_LOWER_CASE = new Map(Object.keys(ALGORITHMS).map((name) => [name.toLowerCase(), name]));

/** The standard's spelling of the name, and everything else as it was given. */
export function normalise(identifier: AlgorithmIdentifier): Parameters & { algorithm: Algorithm } {
  const given = typeof identifier === 'string' ? { name: identifier } : identifier;
  if (typeof given !== 'object' || given === null || given.name === undefined) {
    throw new TypeError('An algorithm needs a name');
  }
  const name = BY_LOWER_CASE.get(`${given.name}`.toLowerCase());
  if (name === undefined) {
    throw new DOMException(`The algorithm ${String(given.name)} is not known`, 'NotSupportedError');
  }
  return { ...given, name, algorithm: ALGORITHMS[name] as Algorithm };
}

export function hashOf(identifier: unknown): string {
  if (identifier === undefined) throw new TypeError('The algorithm needs a hash');
  const { name, algorithm } = normalise(identifier as AlgorithmIdentifier);
  if (algorithm.family === 'hash') return name;
  throw new DOMException(`${name} is no hash`, 'NotSupportedError');
}

/** A parameter that is bytes; an absent one is empty when it may be. */
export function bytesIn(parameters: Parameters, name: string, optional = false): Uint8Array {
  const value = parameters[name];
  if (value === undefined && optional) return new Uint8Array(0);
  if (!isBufferSource(value)) throw new TypeError(`${parameters.name} needs ${name}, as bytes`);
  return toBytes(value as BufferSource).slice();
}

export const operationError = (message: string): never => {
  throw new DOMException(message, 'OperationError');
};

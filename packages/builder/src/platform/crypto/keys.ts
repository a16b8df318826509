import { type BufferSource, isBufferSource, toBytes } from '../buffer-source.ts';
import {
  type AlgorithmIdentifier,
  hashOf,
  normalise,
  operationError,
  type Parameters,
} from './algorithms.ts';
import { callHost, forJson, toBuffer } from './call-host.ts';
import {
  CryptoKey,
  createKey,
  handleOf,
  type KeyAlgorithm,
  type KeyType,
  type KeyUsage,
} from './crypto-key.ts';

/** Keys in, out, and made. */

export type KeyFormat = 'raw' | 'spki' | 'pkcs8' | 'jwk';
export type JsonWebKey = Record<string, unknown>;
type Normalised = ReturnType<typeof normalise>;

interface KeyFacts {
  key: number;
  type: KeyType;
  bits?: number;
  exponent?: string;
}

const keyError = (name: string, message: string): never => {
  throw new DOMException(message, name);
};

const AES_BITS = [128, 192, 256];
const CURVES = ['P-256', 'P-384', 'P-521'];

/** What the host calls this kind of key. */
function kindOf({ name, algorithm, namedCurve }: Normalised): string {
  if (algorithm.family === 'edwards') return name.toLowerCase();
  if (algorithm.family === 'rsa') return 'rsa';
  if (algorithm.family !== 'ec') return 'secret';
  if (CURVES.includes(`${namedCurve}`)) return `${namedCurve}`;
  return keyError('NotSupportedError', `The curve ${String(namedCurve)} is not known`);
}

function describe(wanted: Normalised, { bits = 0, exponent = '0' }: KeyFacts): KeyAlgorithm {
  const { name, algorithm } = wanted;
  switch (algorithm.family) {
    case 'hmac':
      return { name, length: bits, hash: { name: hashOf(wanted.hash) } };
    case 'aes':
      return { name, length: bits };
    case 'rsa': {
      const hex = BigInt(exponent).toString(16);
      const publicExponent = Uint8Array.fromHex(hex.length % 2 === 0 ? hex : `0${hex}`);
      return { name, modulusLength: bits, publicExponent, hash: { name: hashOf(wanted.hash) } };
    }
    case 'ec':
      return { name, namedCurve: `${wanted.namedCurve}` };
    default:
      return { name };
  }
}

/** Allowed ones only, and some for what is secret. */
function checkUsages(wanted: Normalised, type: KeyType, usages: readonly KeyUsage[]): void {
  const allowed = wanted.algorithm.usages[type] ?? [];
  const wrong = usages.find((usage) => !allowed.includes(usage));
  if (wrong !== undefined)
    keyError('SyntaxError', `A ${type} key of ${wanted.name} cannot "${wrong}"`);
  if (usages.length === 0 && type !== 'public') keyError('SyntaxError', 'The key needs a usage');
}

export function importKey(
  format: KeyFormat,
  material: BufferSource | JsonWebKey,
  identifier: AlgorithmIdentifier,
  extractable: boolean,
  usages: readonly KeyUsage[],
): CryptoKey {
  if (isBufferSource(material) !== (format !== 'jwk')) {
    throw new TypeError(format === 'jwk' ? 'The key must be a JWK' : 'The key must be bytes');
  }
  const wanted = normalise(identifier);
  const { family } = wanted.algorithm;
  if (family === 'hash') keyError('NotSupportedError', `${wanted.name} has no keys`);
  if (family === 'hmac' || family === 'rsa') hashOf(wanted.hash);
  if (family === 'kdf' && extractable) keyError('SyntaxError', 'This key cannot be extractable');
  if (format === 'jwk') checkJwk(material as JsonWebKey, wanted, extractable, usages);
  const jwk = format === 'jwk' ? { jwk: material } : {};
  const data = format === 'jwk' ? [] : [toBytes(material as BufferSource)];
  const kind = kindOf(wanted);
  const guess: KeyType =
    kind === 'secret'
      ? 'secret'
      : format === 'pkcs8' || (format === 'jwk' && (material as JsonWebKey).d !== undefined)
        ? 'private'
        : 'public';
  checkUsages(wanted, guess, usages);
  const parameters = { format, kind, extractable: Boolean(extractable), ...jwk };
  const facts = forJson('import', parameters, data) as KeyFacts;
  if (family === 'aes' && !AES_BITS.includes(facts.bits ?? 0)) {
    callHost('release', { key: facts.key });
    keyError('DataError', 'An AES key has 128, 192 or 256 bits');
  }
  if (family === 'hmac' && facts.bits === 0) keyError('DataError', 'The key is empty');
  return createKey(facts.key, facts.type, Boolean(extractable), describe(wanted, facts), usages);
}

function checkJwk(
  jwk: JsonWebKey,
  wanted: Normalised,
  extractable: boolean,
  usages: readonly KeyUsage[],
): void {
  if (typeof jwk !== 'object' || jwk === null) throw new TypeError('The key must be a JWK');
  const kty = { hmac: 'oct', aes: 'oct', rsa: 'RSA', ec: 'EC', edwards: 'OKP' } as Record<
    string,
    string
  >;
  const expected = kty[wanted.algorithm.family];
  if (expected === undefined) keyError('NotSupportedError', `${wanted.name} takes no JWK`);
  if (jwk.kty !== expected) keyError('DataError', `The JWK's kty must be ${expected}`);
  if (jwk.ext === false && extractable) keyError('DataError', 'The JWK is not extractable');
  const operations = jwk.key_ops;
  if (Array.isArray(operations) && !usages.every((usage) => operations.includes(usage))) {
    keyError('DataError', 'The JWK is not for these usages');
  }
  if (expected === 'EC' && jwk.crv !== wanted.namedCurve)
    keyError('DataError', 'The curve differs');
  if (typeof jwk.alg === 'string' && wanted.algorithm.family === 'hmac') {
    if (jwk.alg !== wanted.algorithm.jwkAlg?.(hashOf(wanted.hash))) {
      keyError('DataError', `The JWK is for ${jwk.alg}`);
    }
  }
}

export function exportKey(format: KeyFormat, key: CryptoKey): ArrayBuffer | JsonWebKey {
  if (!(key instanceof CryptoKey)) throw new TypeError('A CryptoKey is needed');
  if (!key.extractable) keyError('InvalidAccessError', 'The key is not extractable');
  if (format !== 'jwk') {
    return toBuffer(callHost('export', { key: handleOf(key), format }) as Uint8Array);
  }
  const jwk = forJson('export', { key: handleOf(key), format }) as JsonWebKey;
  const { algorithm } = normalise(key.algorithm as Parameters & KeyAlgorithm);
  const alg = algorithm.jwkAlg?.(key.algorithm.hash?.name ?? `${key.algorithm.length}`);
  return {
    key_ops: [...key.usages],
    ext: key.extractable,
    ...jwk,
    ...(alg === undefined ? {} : { alg }),
  };
}

/** The bytes that an HMAC key has when nobody says: its hash's block. */
const blockBits = (hash: string): number => (hash === 'SHA-384' || hash === 'SHA-512' ? 1024 : 512);

/** In bits, for what has a length of its own; null for keys that are derived from. */
export function keyLength(wanted: Normalised): number | null {
  const { length, algorithm } = wanted;
  if (algorithm.family === 'aes') {
    return AES_BITS.includes(Number(length))
      ? Number(length)
      : operationError('An AES key has 128, 192 or 256 bits');
  }
  if (algorithm.family !== 'hmac') return null;
  if (length === undefined) return blockBits(hashOf(wanted.hash));
  return Number(length) > 0 ? Number(length) : operationError('The length is not a length');
}

export function generateKey(
  identifier: AlgorithmIdentifier,
  extractable: boolean,
  usages: readonly KeyUsage[],
): CryptoKey | { privateKey: CryptoKey; publicKey: CryptoKey } {
  const wanted = normalise(identifier);
  const { family } = wanted.algorithm;
  if (family === 'hash' || family === 'kdf') keyError('NotSupportedError', 'There is no such key');
  const kind = kindOf(wanted);
  const open = Boolean(extractable);
  if (kind === 'secret') {
    checkUsages(wanted, 'secret', usages);
    const parameters = { kind, extractable: open, bits: keyLength(wanted) };
    const facts = forJson('generate', parameters) as KeyFacts;
    return createKey(facts.key, 'secret', open, describe(wanted, facts), usages);
  }
  const { private: priv = [], public: pub = [] } = wanted.algorithm.usages;
  const wrong = usages.find((usage) => !priv.includes(usage) && !pub.includes(usage));
  if (wrong !== undefined) keyError('SyntaxError', `A key of ${wanted.name} cannot "${wrong}"`);
  const privateUsages = usages.filter((usage) => priv.includes(usage));
  if (privateUsages.length === 0) keyError('SyntaxError', 'The private key needs a usage');
  const pair = forJson('generate', {
    kind,
    extractable: open,
    ...(family === 'rsa'
      ? { bits: Number(wanted.modulusLength), exponent: exponentOf(wanted.publicExponent) }
      : {}),
  }) as { private: KeyFacts; public: KeyFacts };
  const of = (facts: KeyFacts, shown: boolean, its: readonly KeyUsage[]): CryptoKey =>
    createKey(facts.key, facts.type, shown, describe(wanted, facts), its);
  return {
    privateKey: of(pair.private, open, privateUsages),
    publicKey: of(
      pair.public,
      true,
      usages.filter((usage) => pub.includes(usage)),
    ),
  };
}

function exponentOf(bytes: unknown): number {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('publicExponent is a Uint8Array');
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

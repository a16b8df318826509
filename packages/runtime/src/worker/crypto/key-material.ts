import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  type webcrypto,
} from 'node:crypto';
import { CryptoFailure, orDataError } from './crypto-failure.ts';
import type { KeyEntry, KeyStore } from './key-store.ts';
import { CRYPTO_LIMITS } from './limits.ts';

type JsonWebKey = webcrypto.JsonWebKey;

/** Keys in and out: raw bytes, DER and JWK; generated ones. */

export interface ImportParameters {
  readonly format: 'raw' | 'spki' | 'pkcs8' | 'jwk';
  readonly extractable: boolean;
  /** What the key must turn out to be: `secret`, `rsa`, `ed25519`, `x25519` or a named curve. */
  readonly kind: string;
  readonly jwk?: JsonWebKey;
}

/** What the guest shows of a key. */
interface KeyFacts {
  readonly key: number;
  readonly type: string;
  readonly bits?: number;
  /** Of RSA, in decimal. */
  readonly exponent?: string;
}

const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};
const POINT_BYTES: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };

export function importKey(keys: KeyStore, p: ImportParameters, data: Uint8Array): KeyFacts {
  const object = orDataError(() => toKeyObject(p, data));
  const kind = kindOf(object);
  if (kind !== p.kind) {
    throw new CryptoFailure('DataError', `this is a ${kind} key, not ${String(p.kind)}`);
  }
  const facts = factsOf(object);
  if (kind === 'rsa' && (facts.bits ?? 0) > CRYPTO_LIMITS.importRsaBitsMax) {
    throw new CryptoFailure('NotSupportedError', 'the RSA key is too long');
  }
  // A public key is public: nothing is lost with it.
  return { key: keys.add(object, p.extractable || object.type === 'public'), ...facts };
}

function toKeyObject({ format, kind, jwk }: ImportParameters, data: Uint8Array): KeyObject {
  const key = Buffer.from(data);
  if (format === 'raw') return kind === 'secret' ? createSecretKey(key) : publicFromRaw(kind, key);
  if (format === 'spki') return createPublicKey({ key, format: 'der', type: 'spki' });
  if (format === 'pkcs8') return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  if (format !== 'jwk' || typeof jwk !== 'object' || jwk === null) {
    throw new CryptoFailure('NotSupportedError', 'this key format is not known');
  }
  if (jwk.kty === 'oct') return createSecretKey(Buffer.from(String(jwk.k), 'base64url'));
  const input = { key: jwk, format: 'jwk' } as const;
  return jwk.d === undefined ? createPublicKey(input) : createPrivateKey(input);
}

/** An uncompressed point, or the 32 bytes of the Edwards curves. */
function publicFromRaw(kind: string, bytes: Buffer): KeyObject {
  const size = Object.hasOwn(POINT_BYTES, kind) ? POINT_BYTES[kind] : undefined;
  if (size === undefined) {
    const crv = kind === 'ed25519' ? 'Ed25519' : 'X25519';
    if (bytes.length !== 32) throw new CryptoFailure('DataError', 'the key has 32 bytes');
    const jwk = { kty: 'OKP', crv, x: bytes.toString('base64url') };
    return createPublicKey({ key: jwk, format: 'jwk' });
  }
  if (bytes.length !== 1 + 2 * size || bytes[0] !== 4) {
    throw new CryptoFailure('DataError', 'an uncompressed point of the curve is needed');
  }
  const [x, y] = [bytes.subarray(1, 1 + size), bytes.subarray(1 + size)].map((part) =>
    part.toString('base64url'),
  );
  return createPublicKey({ key: { kty: 'EC', crv: kind, x, y } as JsonWebKey, format: 'jwk' });
}

function kindOf(object: KeyObject): string {
  if (object.type === 'secret') return 'secret';
  const { asymmetricKeyType = 'unknown', asymmetricKeyDetails } = object;
  if (asymmetricKeyType !== 'ec') return asymmetricKeyType;
  const curve = Object.entries(CURVES).find(
    ([, name]) => name === asymmetricKeyDetails?.namedCurve,
  );
  return curve?.[0] ?? 'unknown';
}

function factsOf(object: KeyObject): Omit<KeyFacts, 'key'> {
  if (object.type === 'secret') {
    return { type: 'secret', bits: (object.symmetricKeySize ?? 0) * 8 };
  }
  const { modulusLength, publicExponent } = object.asymmetricKeyDetails ?? {};
  if (modulusLength === undefined) return { type: object.type };
  return { type: object.type, bits: modulusLength, exponent: String(publicExponent) };
}

export function exportKey({ object, extractable }: KeyEntry, format: string): Uint8Array | object {
  if (!extractable) throw new CryptoFailure('InvalidAccessError', 'the key is not extractable');
  if (format === 'jwk') return object.export({ format: 'jwk' });
  if (format === 'pkcs8' && object.type === 'private') {
    return object.export({ format: 'der', type: 'pkcs8' });
  }
  if (format === 'spki' && object.type === 'public') {
    return object.export({ format: 'der', type: 'spki' });
  }
  if (format === 'raw' && object.type === 'secret') return object.export();
  if (format === 'raw' && object.type === 'public') {
    const { kty, x = '', y = '' } = object.export({ format: 'jwk' });
    if (kty === 'OKP') return Buffer.from(x, 'base64url');
    if (kty === 'EC') {
      return Buffer.concat([
        Buffer.of(4),
        Buffer.from(x, 'base64url'),
        Buffer.from(y, 'base64url'),
      ]);
    }
  }
  throw new CryptoFailure('NotSupportedError', 'the key has no such form');
}

export interface GenerateParameters {
  readonly kind: string;
  readonly extractable: boolean;
  readonly bits?: number;
  readonly exponent?: number;
}

export function generate(
  keys: KeyStore,
  { kind, extractable, bits = 0, exponent = 65_537 }: GenerateParameters,
): KeyFacts | { private: KeyFacts; public: KeyFacts } {
  if (kind === 'secret') {
    if (!(bits >= 8 && bits <= 65_536 && bits % 8 === 0)) {
      throw new CryptoFailure('OperationError', 'a key of this length cannot be made');
    }
    const object = createSecretKey(randomBytes(bits / 8));
    return { key: keys.add(object, extractable), ...factsOf(object) };
  }
  const { privateKey, publicKey } = makePair(kind, bits, exponent);
  const shown = (object: KeyObject, open: boolean): KeyFacts => ({
    key: keys.add(object, open),
    ...factsOf(object),
  });
  return { private: shown(privateKey, extractable), public: shown(publicKey, true) };
}

function makePair(kind: string, bits: number, exponent: number) {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519');
  if (kind === 'x25519') return generateKeyPairSync('x25519');
  const namedCurve = Object.hasOwn(CURVES, kind) ? CURVES[kind] : undefined;
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve });
  if (kind !== 'rsa') throw new CryptoFailure('NotSupportedError', 'this kind of key is not known');
  const fits = bits >= 512 && bits <= CRYPTO_LIMITS.generateRsaBitsMax;
  if (!fits || (exponent !== 65_537 && exponent !== 3)) {
    throw new CryptoFailure(
      'NotSupportedError',
      `RSA keys of up to ${CRYPTO_LIMITS.generateRsaBitsMax} bits, with the exponent 65537 or 3, are made here; longer ones are imported`,
    );
  }
  return generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent });
}

import {
  hkdfSync,
  type KeyObject,
  diffieHellman as nodeDiffieHellman,
  pbkdf2Sync,
} from 'node:crypto';
import { CryptoFailure } from './crypto-failure.ts';
import { CRYPTO_LIMITS } from './limits.ts';
import { hashName } from './signatures.ts';

/** Bits from keys. */

export interface DeriveParameters {
  readonly kind: 'hkdf' | 'pbkdf2';
  readonly hash: string;
  readonly lengthBytes: number;
  readonly iterations?: number;
}

export function derive(
  key: KeyObject,
  { kind, hash, lengthBytes, iterations = 0 }: DeriveParameters,
  salt: Uint8Array,
  info: Uint8Array,
): Uint8Array {
  if (!(lengthBytes >= 0 && lengthBytes <= CRYPTO_LIMITS.deriveBytesMax)) {
    throw new CryptoFailure('OperationError', 'this many bits cannot be derived');
  }
  if (lengthBytes === 0) return new Uint8Array(0);
  const name = hashName(hash);
  if (kind === 'hkdf') {
    // Node reads the guest's `info` of at most 1024 bytes; more is an error of its own.
    return new Uint8Array(hkdfSync(name, key, salt, info, lengthBytes));
  }
  // Each block of output costs all iterations again: the cap is on the work.
  const blocks = Math.ceil(lengthBytes / Number(HASH_BYTES[hash]));
  if (!(iterations >= 1) || iterations * blocks > CRYPTO_LIMITS.iterationsMax) {
    throw new CryptoFailure(
      iterations >= 1 ? 'NotSupportedError' : 'OperationError',
      `PBKDF2 takes 1 to ${CRYPTO_LIMITS.iterationsMax} iterations here, per block of output`,
    );
  }
  return pbkdf2Sync(key.export(), salt, iterations, lengthBytes, name);
}

const HASH_BYTES: Readonly<Record<string, number>> = {
  'SHA-1': 20,
  'SHA-256': 32,
  'SHA-384': 48,
  'SHA-512': 64,
};

export function diffieHellman(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  if (privateKey.type !== 'private' || publicKey.type !== 'public') {
    throw new CryptoFailure('InvalidAccessError', 'a private and a public key are needed');
  }
  return nodeDiffieHellman({ privateKey, publicKey });
}

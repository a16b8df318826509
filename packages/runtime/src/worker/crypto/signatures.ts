import {
  constants,
  createHash,
  createHmac,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  type SignKeyObjectInput,
} from 'node:crypto';
import { CryptoFailure } from './crypto-failure.ts';

/** Digests, MACs and signatures. */

const HASHES: Readonly<Record<string, string>> = {
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

export function hashName(hash: string): string {
  const name = Object.hasOwn(HASHES, hash) ? HASHES[hash] : undefined;
  if (name === undefined) throw new CryptoFailure('NotSupportedError', 'this hash is not known');
  return name;
}

export const digest = (hash: string, data: Uint8Array): Uint8Array =>
  createHash(hashName(hash)).update(data).digest();

export const hmac = (key: KeyObject, hash: string, data: Uint8Array): Uint8Array =>
  createHmac(hashName(hash), key).update(data).digest();

export interface SignParameters {
  readonly scheme: 'pkcs1' | 'pss' | 'ecdsa' | 'eddsa';
  readonly hash?: string;
  readonly saltLength?: number;
}

/** What node's sign and verify want; the scheme must fit the key, whatever the guest says. */
function inputOf(key: KeyObject, { scheme, saltLength }: SignParameters): SignKeyObjectInput {
  const type = key.asymmetricKeyType ?? 'secret';
  if (scheme === 'ecdsa' && type === 'ec') return { key, dsaEncoding: 'ieee-p1363' };
  if (scheme === 'eddsa' && type === 'ed25519') return { key };
  if (scheme === 'pkcs1' && type === 'rsa') return { key, padding: constants.RSA_PKCS1_PADDING };
  if (scheme === 'pss' && type === 'rsa') {
    return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(saltLength) >>> 0 };
  }
  throw new CryptoFailure('InvalidAccessError', `a ${type} key does not sign with ${scheme}`);
}

const algorithmOf = ({ hash }: SignParameters): string | null =>
  hash === undefined ? null : hashName(hash);

export const sign = (key: KeyObject, p: SignParameters, data: Uint8Array): Uint8Array =>
  nodeSign(algorithmOf(p), data, inputOf(key, p));

export function verify(
  key: KeyObject,
  p: SignParameters,
  signature: Uint8Array,
  data: Uint8Array,
): boolean {
  return nodeVerify(algorithmOf(p), data, inputOf(key, p), signature);
}

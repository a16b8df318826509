import { type BufferSource, isBufferSource, toBytes } from '../buffer-source.ts';
import { tag } from '../define.ts';
import { decodeUtf8, encodeUtf8 } from '../utf8.ts';
import { type AlgorithmIdentifier, hashOf, normalise } from './algorithms.ts';
import { forBytes, toBuffer } from './call-host.ts';
import { type CryptoKey, handleOf, type KeyUsage, requireUsage } from './crypto-key.ts';
import {
  exportKey,
  generateKey,
  importKey,
  type JsonWebKey,
  type KeyFormat,
  keyLength,
} from './keys.ts';
import { crypt, deriveBits, sign, verify } from './operations.ts';

/** crypto.subtle over the host's node:crypto. The work is done in the call; only the answer waits. */

function bytesOf(data: unknown): Uint8Array {
  if (!isBufferSource(data))
    throw new TypeError('The data must be an ArrayBuffer or a view of one');
  return toBytes(data as BufferSource);
}

export class SubtleCrypto {
  async digest(algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> {
    return toBuffer(forBytes('digest', { hash: hashOf(algorithm) }, [bytesOf(data)]));
  }

  async sign(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    data: BufferSource,
  ): Promise<ArrayBuffer> {
    return toBuffer(sign(normalise(algorithm), key, bytesOf(data)));
  }

  async verify(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    signature: BufferSource,
    data: BufferSource,
  ): Promise<boolean> {
    return verify(normalise(algorithm), key, bytesOf(signature), bytesOf(data));
  }

  async encrypt(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    data: BufferSource,
  ): Promise<ArrayBuffer> {
    const parameters = normalise(algorithm);
    requireUsage(key, parameters.name, 'encrypt');
    return toBuffer(crypt(parameters, key, bytesOf(data), true));
  }

  async decrypt(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    data: BufferSource,
  ): Promise<ArrayBuffer> {
    const parameters = normalise(algorithm);
    requireUsage(key, parameters.name, 'decrypt');
    return toBuffer(crypt(parameters, key, bytesOf(data), false));
  }

  async deriveBits(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    length: number | null = null,
  ): Promise<ArrayBuffer> {
    const parameters = normalise(algorithm);
    requireUsage(key, parameters.name, 'deriveBits');
    return toBuffer(deriveBits(parameters, key, length));
  }

  async deriveKey(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    derived: AlgorithmIdentifier,
    extractable: boolean,
    usages: KeyUsage[],
  ): Promise<CryptoKey> {
    const parameters = normalise(algorithm);
    requireUsage(key, parameters.name, 'deriveKey');
    const bytes = deriveBits(parameters, key, keyLength(normalise(derived)));
    return importKey('raw', bytes, derived, extractable, usages);
  }

  async importKey(
    format: KeyFormat,
    material: BufferSource | JsonWebKey,
    algorithm: AlgorithmIdentifier,
    extractable: boolean,
    usages: KeyUsage[],
  ): Promise<CryptoKey> {
    return importKey(format, material, algorithm, extractable, usages);
  }

  async exportKey(format: KeyFormat, key: CryptoKey): Promise<ArrayBuffer | JsonWebKey> {
    return exportKey(format, key);
  }

  async generateKey(
    algorithm: AlgorithmIdentifier,
    extractable: boolean,
    usages: KeyUsage[],
  ): Promise<CryptoKey | { privateKey: CryptoKey; publicKey: CryptoKey }> {
    return generateKey(algorithm, extractable, usages);
  }

  async wrapKey(
    format: KeyFormat,
    key: CryptoKey,
    wrapping: CryptoKey,
    algorithm: AlgorithmIdentifier,
  ): Promise<ArrayBuffer> {
    const parameters = normalise(algorithm);
    requireUsage(wrapping, parameters.name, 'wrapKey');
    const exported = exportKey(format, key);
    const bytes =
      exported instanceof ArrayBuffer
        ? new Uint8Array(exported)
        : encodeUtf8(JSON.stringify(exported));
    if (parameters.name !== 'AES-KW') return toBuffer(crypt(parameters, wrapping, bytes, true));
    return toBuffer(forBytes('key-wrap', { key: handleOf(wrapping), wrap: true }, [bytes]));
  }

  async unwrapKey(
    format: KeyFormat,
    wrapped: BufferSource,
    unwrapping: CryptoKey,
    algorithm: AlgorithmIdentifier,
    keyAlgorithm: AlgorithmIdentifier,
    extractable: boolean,
    usages: KeyUsage[],
  ): Promise<CryptoKey> {
    const parameters = normalise(algorithm);
    requireUsage(unwrapping, parameters.name, 'unwrapKey');
    const data = bytesOf(wrapped);
    const bytes =
      parameters.name === 'AES-KW'
        ? forBytes('key-wrap', { key: handleOf(unwrapping), wrap: false }, [data])
        : crypt(parameters, unwrapping, data, false);
    const material =
      format === 'jwk' ? (JSON.parse(decodeUtf8(bytes, false)) as JsonWebKey) : bytes;
    return importKey(format, material, keyAlgorithm, extractable, usages);
  }
}

tag(SubtleCrypto, 'SubtleCrypto');

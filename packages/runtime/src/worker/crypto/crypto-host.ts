import { type CipherParameters, cipher, keyWrap, type OaepParameters, oaep } from './ciphers.ts';
import { CryptoFailure } from './crypto-failure.ts';
import { type DeriveParameters, derive, diffieHellman } from './derivation.ts';
import {
  exportKey,
  type GenerateParameters,
  generate,
  type ImportParameters,
  importKey,
} from './key-material.ts';
import { KeyStore } from './key-store.ts';
import { CRYPTO_LIMITS } from './limits.ts';
import { digest, hmac, type SignParameters, sign, verify } from './signatures.ts';

/**
 * The `crypto` function of the host: what `crypto.subtle` in the guest stands on. node:crypto's
 * synchronous calls and not its WebCrypto, since waiting costs a future over the boundary and
 * the work would leave the thread whose CPU time is the function's. A private key never leaves
 * unless it was made extractable.
 */

export type CryptoOutcome =
  | { tag: 'bytes'; val: Uint8Array }
  | { tag: 'json'; val: string }
  | { tag: 'failed'; val: string };

type Data = readonly Uint8Array[];
type Operation = (keys: KeyStore, parameters: never, data: Data) => Uint8Array | object;

const NOTHING = new Uint8Array(0);
const at = (data: Data, index: number): Uint8Array => data[index] ?? NOTHING;

interface OfKey {
  readonly key: number;
}

const OPERATIONS: Readonly<Record<string, Operation>> = Object.assign(Object.create(null), {
  digest: (_: KeyStore, { hash }: { hash: string }, data: Data) => digest(hash, at(data, 0)),
  hmac: (keys: KeyStore, { key, hash }: OfKey & { hash: string }, data: Data) =>
    hmac(keys.get(key), hash, at(data, 0)),
  sign: (keys: KeyStore, p: OfKey & SignParameters, data: Data) =>
    sign(keys.get(p.key), p, at(data, 0)),
  verify: (keys: KeyStore, p: OfKey & SignParameters, data: Data) => ({
    valid: verify(keys.get(p.key), p, at(data, 0), at(data, 1)),
  }),
  cipher: (keys: KeyStore, p: OfKey & CipherParameters, data: Data) =>
    cipher(keys.get(p.key), p, at(data, 0), at(data, 1), at(data, 2)),
  oaep: (keys: KeyStore, p: OfKey & OaepParameters, data: Data) =>
    oaep(keys.get(p.key), p, at(data, 0), at(data, 1)),
  'key-wrap': (keys: KeyStore, p: OfKey & { wrap: boolean }, data: Data) =>
    keyWrap(keys.get(p.key), p.wrap, at(data, 0)),
  derive: (keys: KeyStore, p: OfKey & DeriveParameters, data: Data) =>
    derive(keys.get(p.key), p, at(data, 0), at(data, 1)),
  'diffie-hellman': (keys: KeyStore, p: OfKey & { public: number }) =>
    diffieHellman(keys.get(p.key), keys.get(p.public)),
  import: (keys: KeyStore, p: ImportParameters, data: Data) => importKey(keys, p, at(data, 0)),
  export: (keys: KeyStore, { key, format }: OfKey & { format: string }) =>
    exportKey(keys.entry(key), format),
  generate: (keys: KeyStore, p: GenerateParameters) => generate(keys, p),
  release: (keys: KeyStore, { key }: OfKey) => {
    keys.release(key);
    return {};
  },
});

export class CryptoHost {
  readonly #keys = new KeyStore();

  /** Never throws: whatever hostile code asks for ends as an outcome. */
  run(operation: string, parameters: string, data: Data): CryptoOutcome {
    try {
      if (parameters.length > CRYPTO_LIMITS.parametersLengthMax) {
        throw new CryptoFailure('DataError', 'the parameters are too long');
      }
      const run = OPERATIONS[operation];
      if (run === undefined) {
        throw new CryptoFailure('NotSupportedError', 'the host does not know this operation');
      }
      const value = run(this.#keys, JSON.parse(parameters) as never, data);
      return value instanceof Uint8Array
        ? { tag: 'bytes', val: plain(value) }
        : { tag: 'json', val: JSON.stringify(value) };
    } catch (caught) {
      const failure = CryptoFailure.from(caught);
      return { tag: 'failed', val: `${failure.name}: ${failure.message}`.slice(0, 500) };
    }
  }

  dispose(): void {
    this.#keys.clear();
  }
}

/** The glue takes Uint8Array, and a Buffer's `slice` is not that of one. */
const plain = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

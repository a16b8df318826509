import {
  type CipherGCMTypes,
  constants,
  createCipheriv,
  createDecipheriv,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { CryptoFailure } from './crypto-failure.ts';
import { hashName } from './signatures.ts';

/** AES in its modes, key wrapping, RSA-OAEP. */

export interface CipherParameters {
  readonly mode: 'gcm' | 'cbc' | 'ctr';
  readonly encrypt: boolean;
  /** Of GCM's tag. */
  readonly tagBytes?: number;
}

const aesBits = (key: KeyObject): number => {
  const bits = (key.type === 'secret' ? (key.symmetricKeySize ?? 0) : 0) * 8;
  if (bits === 128 || bits === 192 || bits === 256) return bits;
  throw new CryptoFailure('InvalidAccessError', 'this is no AES key');
};

export function cipher(
  key: KeyObject,
  { mode, encrypt, tagBytes = 16 }: CipherParameters,
  data: Uint8Array,
  iv: Uint8Array,
  additional: Uint8Array,
): Uint8Array {
  const bits = aesBits(key);
  if (mode === 'gcm') {
    const name = `aes-${bits}-gcm` as CipherGCMTypes;
    const options = { authTagLength: tagBytes };
    if (encrypt) {
      const to = createCipheriv(name, key, iv, options).setAAD(additional);
      return Buffer.concat([to.update(data), to.final(), to.getAuthTag()]);
    }
    const end = data.length - tagBytes;
    if (end < 0) throw new CryptoFailure('OperationError', 'the data is shorter than its tag');
    const from = createDecipheriv(name, key, iv, options).setAAD(additional);
    from.setAuthTag(data.subarray(end));
    return Buffer.concat([from.update(data.subarray(0, end)), from.final()]);
  }
  if (mode !== 'cbc' && mode !== 'ctr') {
    throw new CryptoFailure('NotSupportedError', 'this mode is not known');
  }
  const name = `aes-${bits}-${mode}`;
  const run = encrypt ? createCipheriv(name, key, iv) : createDecipheriv(name, key, iv);
  return Buffer.concat([run.update(data), run.final()]);
}

/** RFC 3394, section 2.2.3.1. */
const WRAP_IV = Buffer.alloc(8, 0xa6);

export function keyWrap(key: KeyObject, wrap: boolean, data: Uint8Array): Uint8Array {
  if (data.length % 8 !== 0 || data.length < (wrap ? 16 : 24)) {
    throw new CryptoFailure('OperationError', 'AES-KW works on 16 bytes and more, in eights');
  }
  const name = `id-aes${aesBits(key)}-wrap`;
  const run = wrap ? createCipheriv(name, key, WRAP_IV) : createDecipheriv(name, key, WRAP_IV);
  return Buffer.concat([run.update(data), run.final()]);
}

export interface OaepParameters {
  readonly encrypt: boolean;
  readonly hash: string;
}

export function oaep(
  key: KeyObject,
  { encrypt, hash }: OaepParameters,
  data: Uint8Array,
  label: Uint8Array,
): Uint8Array {
  if (key.asymmetricKeyType !== 'rsa') {
    throw new CryptoFailure('InvalidAccessError', 'this is no RSA key');
  }
  const options = {
    key,
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: hashName(hash),
    ...(label.length === 0 ? {} : { oaepLabel: label }),
  };
  return encrypt ? publicEncrypt(options, data) : privateDecrypt(options, data);
}

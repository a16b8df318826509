import { concatBytes } from '../buffer-source.ts';
import { bytesIn, hashOf, operationError, type Parameters } from './algorithms.ts';
import { forBytes, forJson } from './call-host.ts';
import { type CryptoKey, handleOf, requireUsage } from './crypto-key.ts';

/** What is done with keys: each algorithm's parameters, checked and handed to the host. */

const isCrypt = (name: string): boolean => /^(?:AES-(?:GCM|CBC|CTR)|RSA-OAEP)$/.test(name);

export function crypt(
  parameters: Parameters,
  key: CryptoKey,
  data: Uint8Array,
  encrypt: boolean,
): Uint8Array {
  const { name } = parameters;
  const handle = handleOf(key);
  if (!isCrypt(name)) throw new DOMException(`${name} does not encrypt`, 'NotSupportedError');
  if (name === 'RSA-OAEP') {
    const hash = key.algorithm.hash?.name;
    return forBytes('oaep', { key: handle, encrypt, hash }, [
      data,
      bytesIn(parameters, 'label', true),
    ]);
  }
  if (name === 'AES-CTR') return cryptCounter(parameters, handle, data);
  const iv = bytesIn(parameters, 'iv');
  if (name === 'AES-CBC') {
    if (iv.length !== 16) operationError('The iv has 16 bytes');
    return forBytes('cipher', { key: handle, mode: 'cbc', encrypt }, [data, iv]);
  }
  const tagBits = parameters.tagLength === undefined ? 128 : Number(parameters.tagLength);
  if (![32, 64, 96, 104, 112, 120, 128].includes(tagBits)) {
    operationError('The tag has 32, 64, 96, 104, 112, 120 or 128 bits');
  }
  const additional = bytesIn(parameters, 'additionalData', true);
  const how = { key: handle, mode: 'gcm', encrypt, tagBytes: tagBits / 8 };
  return forBytes('cipher', how, [data, iv, additional]);
}

/** Only the counter's lowest `length` bits count; where they wrap the work is cut in two. */
function cryptCounter(parameters: Parameters, key: number, data: Uint8Array): Uint8Array {
  const counter = bytesIn(parameters, 'counter');
  const bits = Number(parameters.length);
  if (counter.length !== 16) operationError('The counter has 16 bytes');
  if (!(bits >= 1 && bits <= 128)) operationError('The length is 1 to 128 bits');
  const run = (part: Uint8Array, from: Uint8Array): Uint8Array =>
    forBytes('cipher', { key, mode: 'ctr', encrypt: true }, [part, from]);
  const size = 1n << BigInt(bits);
  const value = BigInt(`0x${counter.toHex()}`);
  const blocks = BigInt(Math.ceil(data.length / 16));
  if (blocks > size) operationError('The counter would repeat');
  const untilWrap = size - (value % size);
  if (blocks <= untilWrap) return run(data, counter);
  const cut = Number(untilWrap) * 16;
  const restarted = Uint8Array.fromHex((value - (value % size)).toString(16).padStart(32, '0'));
  return concatBytes([run(data.subarray(0, cut), counter), run(data.subarray(cut), restarted)]);
}

function schemeOf(parameters: Parameters, key: CryptoKey): object {
  const { name } = parameters;
  const hash = key.algorithm.hash?.name;
  if (name === 'RSASSA-PKCS1-v1_5') return { scheme: 'pkcs1', hash };
  if (name === 'RSA-PSS') {
    if (parameters.saltLength === undefined) throw new TypeError('RSA-PSS needs saltLength');
    return { scheme: 'pss', hash, saltLength: Number(parameters.saltLength) };
  }
  if (name === 'ECDSA') return { scheme: 'ecdsa', hash: hashOf(parameters.hash) };
  if (name === 'Ed25519') return { scheme: 'eddsa' };
  throw new DOMException(`${name} does not sign`, 'NotSupportedError');
}

const mac = (key: CryptoKey, data: Uint8Array): Uint8Array =>
  forBytes('hmac', { key: handleOf(key), hash: key.algorithm.hash?.name }, [data]);

export function sign(parameters: Parameters, key: CryptoKey, data: Uint8Array): Uint8Array {
  requireUsage(key, parameters.name, 'sign');
  if (parameters.name === 'HMAC') return mac(key, data);
  return forBytes('sign', { key: handleOf(key), ...schemeOf(parameters, key) }, [data]);
}

export function verify(
  parameters: Parameters,
  key: CryptoKey,
  signature: Uint8Array,
  data: Uint8Array,
): boolean {
  requireUsage(key, parameters.name, 'verify');
  if (parameters.name === 'HMAC') return equalInConstantTime(mac(key, data), signature);
  const how = { key: handleOf(key), ...schemeOf(parameters, key) };
  return (forJson('verify', how, [signature, data]) as { valid: boolean }).valid;
}

function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

export function deriveBits(
  parameters: Parameters,
  key: CryptoKey,
  bits: number | null,
): Uint8Array {
  const { name } = parameters;
  if (name === 'ECDH' || name === 'X25519') return agree(parameters, key, bits);
  if (name !== 'HKDF' && name !== 'PBKDF2') {
    throw new DOMException(`Nothing is derived with ${name}`, 'NotSupportedError');
  }
  if (bits === null || bits % 8 !== 0) operationError('The length is a multiple of 8 bits');
  const lengthBytes = Number(bits) / 8;
  const hash = hashOf(parameters.hash);
  const salt = bytesIn(parameters, 'salt');
  if (name === 'HKDF') {
    const info = bytesIn(parameters, 'info');
    return forBytes('derive', { key: handleOf(key), kind: 'hkdf', hash, lengthBytes }, [
      salt,
      info,
    ]);
  }
  const iterations = Number(parameters.iterations);
  const how = { key: handleOf(key), kind: 'pbkdf2', hash, lengthBytes, iterations };
  return forBytes('derive', how, [salt]);
}

function agree(parameters: Parameters, key: CryptoKey, bits: number | null): Uint8Array {
  const other = parameters.public as CryptoKey;
  const { name, namedCurve } = other.algorithm;
  if (name !== parameters.name || namedCurve !== key.algorithm.namedCurve) {
    throw new DOMException('The keys are of different kinds', 'InvalidAccessError');
  }
  if (other.type !== 'public') {
    throw new DOMException('The other key must be a public one', 'InvalidAccessError');
  }
  const secret = forBytes('diffie-hellman', { key: handleOf(key), public: handleOf(other) });
  if (bits === null) return secret;
  if (bits > secret.length * 8) operationError('There are not so many bits');
  const result = secret.slice(0, Math.ceil(bits / 8));
  const rest = bits % 8;
  const last = result.length - 1;
  if (rest > 0) result[last] = (result[last] as number) & (0xff << (8 - rest));
  return result;
}

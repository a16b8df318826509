import type { webcrypto } from 'node:crypto';
import { type Area, bytesOf, outcome } from './area.ts';

/** crypto.subtle with fixed keys where answers repeat, and there and back where they are random. */

type KeyUsage = webcrypto.KeyUsage;
type CryptoKeyPair = webcrypto.CryptoKeyPair;
type HmacImportParams = webcrypto.HmacImportParams;
type EcKeyGenParams = webcrypto.EcKeyGenParams;
type EcdsaParams = webcrypto.EcdsaParams;
type EcdhKeyDeriveParams = webcrypto.EcdhKeyDeriveParams;

const { subtle } = crypto;
const usable = (usages: string[]): KeyUsage[] => usages as KeyUsage[];
const facts = ({ type, extractable, algorithm, usages }: CryptoKey): unknown => [
  type,
  extractable,
  JSON.stringify(algorithm),
  usages,
];

async function imported(
  format: 'raw' | 'jwk',
  material: unknown,
  algorithm: object | string,
  usages: string[],
): Promise<CryptoKey> {
  return await subtle.importKey(
    format as 'raw',
    material as never,
    algorithm as HmacImportParams,
    true,
    usable(usages),
  );
}

export const webCrypto: Area = {
  digest: async ([hash, bytes]: [string, number[]]) => await subtle.digest(hash, bytesOf(bytes)),
  hmac: async ([hash, key, data]: [string, number[], number[]]) => {
    const made = await imported('raw', bytesOf(key), { name: 'hmac', hash }, ['verify', 'sign']);
    const mac = await subtle.sign('HMAC', made, bytesOf(data));
    const valid = await subtle.verify('HMAC', made, mac, bytesOf(data));
    const wrong = await subtle.verify('HMAC', made, mac.slice(1), bytesOf(data));
    return [facts(made), mac, valid, wrong, await subtle.exportKey('jwk', made)];
  },
  aes: async ([mode, key, iv, data, more]: [string, number[], number[], number[], object]) => {
    const name = `AES-${mode}`;
    const made = await imported('raw', bytesOf(key), name, ['encrypt', 'decrypt']);
    const parameters = { name, iv: bytesOf(iv), counter: bytesOf(iv), ...more };
    const sealed = await subtle.encrypt(parameters, made, bytesOf(data));
    const opened = await subtle.decrypt(parameters, made, sealed);
    const spoilt = await outcome(() => subtle.decrypt(parameters, made, sealed.slice(1)));
    return [facts(made), sealed, opened, name === 'AES-CTR' ? 0 : spoilt];
  },
  derive: async ([name, hash, key, salt, bits]: [string, string, number[], number[], number]) => {
    const made = await subtle.importKey('raw', bytesOf(key), name, false, [
      'deriveBits',
      'deriveKey',
    ]);
    const parameters = { name, hash, salt: bytesOf(salt), info: bytesOf(salt), iterations: 3 };
    const derived = await subtle.deriveKey(
      parameters,
      made,
      { name: 'AES-KW', length: 256 },
      true,
      ['wrapKey'],
    );
    return [
      await outcome(() => subtle.deriveBits(parameters, made, bits)),
      facts(derived),
      await subtle.exportKey('raw', derived),
    ];
  },
  wrap: async ([kek, key]: [number[], number[]]) => {
    const wrapping = await imported('raw', bytesOf(kek), 'AES-KW', ['wrapKey', 'unwrapKey']);
    const made = await imported('raw', bytesOf(key), { name: 'HMAC', hash: 'SHA-256' }, ['sign']);
    const wrapped = await subtle.wrapKey('raw', made, wrapping, 'AES-KW');
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const back = await subtle.unwrapKey('raw', wrapped, wrapping, 'AES-KW', algorithm, true, [
      'sign',
    ]);
    return [wrapped, facts(back), await subtle.exportKey('raw', back)];
  },
  pair: async ([algorithm, data]: [Record<string, string | number>, number[]]) => {
    const rsa = `${algorithm.name}`.startsWith('RS')
      ? { modulusLength: 1024, publicExponent: bytesOf([1, 0, 1]) }
      : {};
    const usages = usable(
      algorithm.name === 'RSA-OAEP' ? ['encrypt', 'decrypt'] : ['sign', 'verify'],
    );
    const all = { ...algorithm, ...rsa } as unknown as EcKeyGenParams;
    const pair = (await subtle.generateKey(all, true, usages)) as CryptoKeyPair;
    const { privateKey, publicKey } = pair;
    const spki = await subtle.exportKey('spki', publicKey);
    const pkcs8 = await subtle.exportKey('pkcs8', privateKey);
    const jwk = await subtle.exportKey('jwk', privateKey);
    const open = await subtle.importKey('spki', spki, all, false, [
      usages[usages.length === 2 && algorithm.name === 'RSA-OAEP' ? 0 : 1] as KeyUsage,
    ]);
    const secret = await subtle.importKey('jwk', jwk, all, false, [
      usages[algorithm.name === 'RSA-OAEP' ? 1 : 0] as KeyUsage,
    ]);
    const bytes = bytesOf(data);
    const same = { ...algorithm, saltLength: 20 } as unknown as EcdsaParams;
    const result: unknown =
      algorithm.name === 'RSA-OAEP'
        ? await subtle.decrypt(same, secret, await subtle.encrypt(same, open, bytes))
        : [
            await subtle.verify(same, open, await subtle.sign(same, secret, bytes), bytes),
            await subtle.verify(
              same,
              open,
              await subtle.sign(same, privateKey, bytes),
              bytesOf([...data, 1]),
            ),
          ];
    const locked = await outcome(() => subtle.exportKey('jwk', secret));
    return [
      facts(privateKey),
      facts(publicKey),
      facts(open),
      Object.keys(jwk).sort(),
      jwk.alg,
      jwk.key_ops,
      pkcs8.byteLength > 40,
      result,
      locked,
    ];
  },
  agree: async ([algorithm, bits]: [EcKeyGenParams, number | null]) => {
    const make = async (): Promise<CryptoKeyPair> =>
      (await subtle.generateKey(algorithm, true, ['deriveBits'])) as CryptoKeyPair;
    const [a, b] = [await make(), await make()];
    const raw = await subtle.exportKey('raw', b.publicKey);
    const open = await subtle.importKey('raw', raw, algorithm, true, []);
    const of = async (key: CryptoKey, other: CryptoKey): Promise<string> =>
      `${new Uint8Array(await subtle.deriveBits({ name: algorithm.name, public: other } as EcdhKeyDeriveParams, key, bits as number))}`;
    const [left, right] = [await of(a.privateKey, open), await of(b.privateKey, a.publicKey)];
    return [left === right, left.split(',').length, raw.byteLength, facts(a.privateKey)];
  },
  refused: async ([format, algorithm, material, extractable, usages]: [
    string,
    object,
    unknown,
    boolean,
    string[],
  ]) => {
    const value = Array.isArray(material) ? bytesOf(material as number[]) : material;
    return facts(
      await subtle.importKey(
        format as 'raw',
        value as never,
        algorithm as HmacImportParams,
        extractable,
        usable(usages),
      ),
    );
  },
};

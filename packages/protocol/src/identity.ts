import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { PopmeshError } from '@popmesh/contracts';

/**
 * Who may speak for the mesh. One Ed25519 root key per mesh certifies one key
 * per node; a verifier needs the root's public key only. Refused: one shared
 * secret on all nodes, because then any node could sign as any other.
 *
 * Keys are raw 32-byte values on the wire and base64url in files.
 */

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const CERTIFICATE_DOMAIN = 'popmesh/node-certificate/v1';

export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** A node's key with the root's word for it. */
export interface NodeIdentity extends KeyPair {
  readonly id: string;
  readonly certificate: Uint8Array;
}

export function generateKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
    privateKey: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)),
  };
}

export const privateKeyObject = (raw: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' });

export const publicKeyObject = (raw: Uint8Array) =>
  createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });

export function signBytes(privateKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, bytes, privateKeyObject(privateKey)));
}

/** False for a bad signature and for a key or signature that is not one. */
export function verifyBytes(
  publicKey: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    return verify(null, bytes, publicKeyObject(publicKey), signature);
  } catch {
    return false;
  }
}

/** Length-prefixed parts, so that no two different lists give the same bytes. */
export function framed(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const buffers = parts.flatMap((part) => {
    const bytes = Buffer.from(part as Uint8Array);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(buffers);
}

export function issueNodeIdentity(rootPrivateKey: Uint8Array, id: string): NodeIdentity {
  const keys = generateKeyPair();
  return {
    id,
    ...keys,
    certificate: signBytes(rootPrivateKey, framed(CERTIFICATE_DOMAIN, id, keys.publicKey)),
  };
}

/** Throws `bad_signature`. */
export function verifyNodeCertificate(
  rootPublicKey: Uint8Array,
  id: string,
  publicKey: Uint8Array,
  certificate: Uint8Array,
): void {
  if (verifyBytes(rootPublicKey, framed(CERTIFICATE_DOMAIN, id, publicKey), certificate)) return;
  throw new PopmeshError('bad_signature', `${id} is not certified by this mesh's root key`, {
    hint: 'Check that the node was enrolled in this mesh: `popmesh mesh enroll`.',
  });
}

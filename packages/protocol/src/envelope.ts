import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type OpaqueRecord, PopmeshError } from '@popmesh/contracts';
import { type SignedRecord, SignedRecordSchema } from './generated/popmesh/v1/registry_pb.js';
import {
  framed,
  type NodeIdentity,
  signBytes,
  verifyBytes,
  verifyNodeCertificate,
} from './identity.ts';
import { RECORD_ENVELOPE_BYTES_MAX, RECORD_KEY_LENGTH_MAX } from './limits.ts';

/**
 * The signed form of a record. It is signed once, by the node that accepted the
 * change, and passed on as the same bytes for ever, so that a relay can neither
 * alter it nor drop fields that it does not know yet.
 */

const RECORD_DOMAIN = 'popmesh/record/v1';

const signedBytes = (key: string, revision: bigint, payload: Uint8Array): Uint8Array =>
  framed(RECORD_DOMAIN, key, revision.toString(), payload);

export function sealRecord(
  identity: NodeIdentity,
  key: string,
  revision: bigint,
  payload: Uint8Array,
): OpaqueRecord {
  const envelope = toBinary(
    SignedRecordSchema,
    create(SignedRecordSchema, {
      key,
      revision,
      payload,
      signerId: identity.id,
      signerPublicKey: identity.publicKey,
      signerCertificate: identity.certificate,
      signature: signBytes(identity.privateKey, signedBytes(key, revision, payload)),
    }),
  );
  if (envelope.length > RECORD_ENVELOPE_BYTES_MAX) {
    throw new PopmeshError('payload_too_large', `record ${key} is ${envelope.length} bytes`, {
      details: { limit: 'record_envelope_bytes', max: RECORD_ENVELOPE_BYTES_MAX },
    });
  }
  return { key, revision, payload, envelope };
}

/** Certificates repeat for ever, so each is verified once per process. Bounded: cleared when full. */
export class CertificateCache {
  static readonly ENTRIES_MAX = 4096;
  readonly #seen = new Set<string>();

  has(key: string): boolean {
    return this.#seen.has(key);
  }

  add(key: string): void {
    if (this.#seen.size >= CertificateCache.ENTRIES_MAX) this.#seen.clear();
    this.#seen.add(key);
  }
}

/**
 * Decodes and verifies an envelope. Keys under `node/` and `gateway/` may be
 * signed by the member of that id only. Throws `bad_signature`,
 * `payload_too_large`, or `peer_misbehaved` for bytes that are not a record.
 */
export function openRecord(
  rootPublicKey: Uint8Array,
  envelope: Uint8Array,
  cache: CertificateCache,
): OpaqueRecord {
  if (envelope.length > RECORD_ENVELOPE_BYTES_MAX) {
    throw new PopmeshError('payload_too_large', `a record of ${envelope.length} bytes was refused`);
  }
  let record: SignedRecord;
  try {
    record = fromBinary(SignedRecordSchema, envelope);
  } catch (cause) {
    throw new PopmeshError('peer_misbehaved', 'the bytes are not a signed record', { cause });
  }
  const { key, revision, payload, signerId, signerPublicKey, signerCertificate } = record;
  if (key.length === 0 || key.length > RECORD_KEY_LENGTH_MAX) {
    throw new PopmeshError('peer_misbehaved', 'a record has no usable key');
  }
  const owner = /^(?:node|gateway)\/(.*)$/s.exec(key)?.[1];
  if (owner !== undefined && owner !== signerId) {
    throw new PopmeshError('bad_signature', `${signerId} may not speak for ${key}`);
  }
  const certificateKey = `${signerId}\n${Buffer.from(signerPublicKey).toString('base64')}\n${Buffer.from(signerCertificate).toString('base64')}`;
  if (!cache.has(certificateKey)) {
    verifyNodeCertificate(rootPublicKey, signerId, signerPublicKey, signerCertificate);
    cache.add(certificateKey);
  }
  if (!verifyBytes(signerPublicKey, signedBytes(key, revision, payload), record.signature)) {
    throw new PopmeshError('bad_signature', `the signature of ${key} does not match its content`);
  }
  return { key, revision, payload, envelope };
}

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { PopmeshError } from '@popmesh/contracts';

/**
 * A mesh with a CA of its own: its certificate counts beside those that the system believes, for
 * this process. Refused: a switch that checks nothing, since a token is sent.
 */

/** Throws `invalid_config`. */
export function trustCa(file: string): void {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
    new X509Certificate(pem);
  } catch (cause) {
    throw new PopmeshError(
      'invalid_config',
      `${file} is not a certificate that can be read: ${(cause as Error).message}`,
      { hint: "--ca and POPMESH_CA name the PEM file of the mesh's CA.", cause },
    );
  }
  const known = getCACertificates('default');
  if (!known.includes(pem)) setDefaultCACertificates([...known, pem]);
}

const NOT_BELIEVED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** What to do about a connection that ended in its handshake; undefined when TLS is not why. */
export function tlsHint(code: string | undefined, api: string): string | undefined {
  if (code === undefined) return undefined;
  if (NOT_BELIEVED.has(code)) {
    return "Its certificate is of a CA that this computer does not know: give the mesh's with --ca <file> or POPMESH_CA.";
  }
  if (code === 'CERT_HAS_EXPIRED') return 'The certificate of that node has expired: renew it.';
  if (code === 'CERT_NOT_YET_VALID')
    return 'The certificate of that node is not valid yet: are both clocks right?';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { hostname } = new URL(api);
    return `Its certificate does not name ${hostname}: it needs that in its subjectAltName.`;
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return 'It does not speak TLS: try http:// (on loopback).';
  return undefined;
}

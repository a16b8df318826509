import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';

/** Mutual TLS: both ends show a certificate of the mesh's private CA. All three are PEM. */
export interface TlsMaterial {
  readonly ca: Uint8Array;
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export interface TlsCredentials {
  readonly server: ServerCredentials;
  readonly client: ChannelCredentials;
}

export function tlsCredentials(material: TlsMaterial): TlsCredentials {
  const ca = Buffer.from(material.ca);
  const cert = Buffer.from(material.cert);
  const key = Buffer.from(material.key);
  return {
    server: ServerCredentials.createSsl(ca, [{ private_key: key, cert_chain: cert }], true),
    client: credentials.createSsl(ca, key, cert, {
      checkServerIdentity: (name: string, peer: PeerCertificate) =>
        checkServerIdentity(addressOfName(name) ?? name, peer),
    }),
  };
}

/**
 * Mesh members are mostly known by IP address, and grpc-js hands the address to
 * TLS as a server name, which Node refuses for an IP. So the address travels
 * inside a made-up name, and is taken out again where the certificate is checked.
 */
const IP_NAME = /^ip([46])-([0-9a-f-]+)\.popmesh\.invalid$/;

/** Undefined for a host that is a name already. */
export function serverNameOf(address: string): string | undefined {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const version = isIP(host);
  return version === 0
    ? undefined
    : `ip${version}-${host.toLowerCase().replace(/[.:]/g, '-')}.popmesh.invalid`;
}

function addressOfName(name: string): string | undefined {
  const [, version, digits] = IP_NAME.exec(name) ?? [];
  return digits?.replaceAll('-', version === '4' ? '.' : ':');
}

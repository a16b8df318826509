import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  type ChannelCredentials,
  experimental,
  type experimental as Grpc,
  type ServerCredentials,
} from '@grpc/grpc-js';
import { certificateProblems } from './certificate-problems.ts';

/** Mutual TLS: both ends show a certificate of the mesh's private CA. All three are PEM. */
export interface TlsMaterial {
  readonly ca: Uint8Array;
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export interface TlsCredentials {
  readonly server: ServerCredentials;
  readonly client: ChannelCredentials;
  /** For connections from now on, both ways; those that are open keep what they have. */
  replace(material: TlsMaterial): void;
  /** What others will hold against our own certificate; `address` is ours, host:port. */
  problems(address: string, nowMs: number): string[];
}

export function tlsCredentials(material: TlsMaterial): TlsCredentials {
  const held = new HeldMaterial(material);
  return {
    // One object in both places: this version of grpc-js takes them in another order than it says.
    server: experimental.createCertificateProviderServerCredentials(held, held, true),
    client: experimental.createCertificateProviderChannelCredentials(held, held, {
      checkServerIdentity: (name: string, peer: PeerCertificate) =>
        checkServerIdentity(addressOfName(name) ?? name, peer),
    }),
    replace: (next) => held.replace(next),
    problems: (address, nowMs) => certificateProblems(held.material, address, nowMs),
  };
}

/**
 * What grpc-js asks for certificates, and is told when there are others. The first answer comes
 * a moment later: a server that gets it while it asks does not hear it.
 */
class HeldMaterial implements Grpc.CertificateProvider {
  readonly #ca = new Set<Grpc.CaCertificateUpdateListener>();
  readonly #identity = new Set<Grpc.IdentityCertificateUpdateListener>();
  #material: TlsMaterial;

  get material(): TlsMaterial {
    return this.#material;
  }

  constructor(material: TlsMaterial) {
    this.#material = material;
  }

  replace(material: TlsMaterial): void {
    this.#material = material;
    for (const listener of this.#ca) listener(this.#caUpdate());
    for (const listener of this.#identity) listener(this.#identityUpdate());
  }

  addCaCertificateListener(listener: Grpc.CaCertificateUpdateListener): void {
    this.#ca.add(listener);
    queueMicrotask(() => listener(this.#caUpdate()));
  }

  removeCaCertificateListener(listener: Grpc.CaCertificateUpdateListener): void {
    this.#ca.delete(listener);
  }

  addIdentityCertificateListener(listener: Grpc.IdentityCertificateUpdateListener): void {
    this.#identity.add(listener);
    queueMicrotask(() => listener(this.#identityUpdate()));
  }

  removeIdentityCertificateListener(listener: Grpc.IdentityCertificateUpdateListener): void {
    this.#identity.delete(listener);
  }

  #caUpdate(): Grpc.CaCertificateUpdate {
    return { caCertificate: Buffer.from(this.#material.ca) };
  }

  #identityUpdate(): Grpc.IdentityCertificateUpdate {
    const { cert, key } = this.#material;
    return { certificate: Buffer.from(cert), privateKey: Buffer.from(key) };
  }
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

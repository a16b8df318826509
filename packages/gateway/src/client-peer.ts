import { BlockList, isIP } from 'node:net';
import { type GeoIp, type Location, parseLocation } from '@popmesh/geo';
import { type ClientPlace, clientPlace } from './topology.ts';

/**
 * Who is at the other end of a socket, and where clients are. Worked out once
 * per connection, not per request. A claim about the client is taken from
 * trusted proxies only.
 */

export interface Peer {
  readonly address: string;
  readonly trusted: boolean;
  /** Where the socket's own address is. */
  readonly place: ClientPlace;
}

/** Distinct places kept with their ranking: every country and then some. */
export const PLACES_MAX = 2048;
const CHAIN_MAX = 20;

export class Clients {
  readonly #trusted = new BlockList();
  readonly #trustsAny: boolean;
  readonly #geo: GeoIp | undefined;
  readonly #home: ClientPlace;
  readonly #places = new Map<string, ClientPlace>();

  constructor(trustedProxies: readonly string[], geo: GeoIp | undefined, home: Location) {
    for (const cidr of trustedProxies) {
      const [network = '', bits = ''] = cidr.split('/');
      this.#trusted.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
    }
    this.#trustsAny = trustedProxies.length > 0;
    this.#geo = geo;
    this.#home = clientPlace(home, undefined);
  }

  peer(socketAddress: string | undefined): Peer {
    const address = plainAddress(socketAddress ?? '');
    return { address, trusted: this.isTrusted(address), place: this.placeOf(address) };
  }

  isTrusted(address: string): boolean {
    if (!this.#trustsAny) return false;
    const family = isIP(address);
    return family !== 0 && this.#trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }

  /** The right-most address of the chain that is not one of our own proxies. */
  clientAddress(peer: Peer, forwardedFor: string | undefined): string {
    if (!peer.trusted || forwardedFor === undefined) return peer.address;
    const chain = forwardedFor.split(',').slice(-CHAIN_MAX);
    for (let i = chain.length - 1; i >= 0; i--) {
      const address = plainAddress(withoutPort((chain[i] as string).trim()));
      if (isIP(address) === 0) break;
      if (i === 0 || !this.isTrusted(address)) return address;
    }
    return peer.address;
  }

  /** The gateway's own place for addresses that are nowhere. */
  placeOf(address: string): ClientPlace {
    const found = this.#geo?.locate(address);
    return found === undefined ? this.#home : this.#place(found, found.country);
  }

  /** A trusted claim; undefined when it cannot be read. */
  claimedPlace(location: string, country: string | undefined): ClientPlace | undefined {
    const held = this.#places.get(`${location}/${country ?? ''}`);
    if (held !== undefined) return held;
    try {
      return this.#place(parseLocation(location), country, location);
    } catch {
      return undefined;
    }
  }

  #place(at: Location, country: string | undefined, text?: string): ClientPlace {
    const key = `${text ?? `${at.latitude},${at.longitude}`}/${country ?? ''}`;
    const held = this.#places.get(key);
    if (held !== undefined) return held;
    if (this.#places.size >= PLACES_MAX) this.#places.clear();
    const place = clientPlace(at, country);
    this.#places.set(key, place);
    return place;
  }
}

/** Some proxies name the client with its port: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
const withoutPort = (node: string): string =>
  /^\[([^\]]+)\](?::\d+)?$/.exec(node)?.[1] ?? /^([\d.]+):\d+$/.exec(node)?.[1] ?? node;

/** An IPv4 address that came as IPv6, as IPv4. */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Which addresses a function may reach: public unicast, nothing else. Addresses that carry
 * an IPv4 address inside are judged by it. Refused: a list of bad ranges of our own, which is
 * how such checks rot; here a range nobody thought of is refused because it is not unicast.
 */

/** Answers about the machine and its secrets, though the address is ordinary unicast. */
const METADATA: ReadonlySet<string> = new Set(['168.63.129.16', 'fd00:ec2::254']);

/** All of today's global unicast; without it `::7f00:1` counts as unicast too. */
const GLOBAL_UNICAST_V6 = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96') as [ipaddr.IPv6, number];

export function isPublicAddress(address: string): boolean {
  // Node's parser is the strict one: `1.2.3` and `0x7f.1`, which readers disagree about, are none.
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return isPublicV4(parsed);
  const v6 = parsed as ipaddr.IPv6;
  if (v6.zoneId !== undefined) return false;
  if (v6.isIPv4MappedAddress()) return isPublicV4(v6.toIPv4Address());
  if (v6.match(NAT64)) return isPublicV4(new ipaddr.IPv4(v6.toByteArray().slice(12)));
  return v6.range() === 'unicast' && v6.match(GLOBAL_UNICAST_V6) && !METADATA.has(v6.toString());
}

const isPublicV4 = (address: ipaddr.IPv4): boolean =>
  address.range() === 'unicast' && !METADATA.has(address.toString());

/** `127.0.0.1`, `::1`, also in brackets, mapped and NAT64 forms as the IPv4 they mean. */
function canonical(address: string): string | undefined {
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (!ipaddr.isValid(bare)) return undefined;
  const parsed = ipaddr.parse(bare);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const v6 = parsed as ipaddr.IPv6;
  if (v6.isIPv4MappedAddress()) return v6.toIPv4Address().toString();
  if (v6.match(NAT64)) return new ipaddr.IPv4(v6.toByteArray().slice(12)).toString();
  return v6.toString();
}

export interface AddressRules {
  /** `127.0.0.1:1234`, `[::1]:1234`: an operator's exceptions, for tests and development. */
  readonly allowPrivate: readonly string[];
  /** `192.0.2.1:7400`, or without a port for all of them: the mesh itself, whatever else says. */
  readonly deny: readonly string[];
}

export type AddressCheck = (address: string, port: number) => boolean;

export function createAddressCheck(rules: AddressRules): AddressCheck {
  const allowed = new Set(rules.allowPrivate.map((entry) => endpointKey(entry, true)));
  const denied = new Set(rules.deny.map((entry) => endpointKey(entry, false)));
  return (address, port) => {
    const host = canonical(address);
    if (host === undefined) return false;
    const key = `${host} ${port}`;
    if (denied.has(host) || denied.has(key)) return false;
    return allowed.has(key) || isPublicAddress(address);
  };
}

function endpointKey(entry: string, portRequired: boolean): string {
  const whole = canonical(entry);
  if (whole !== undefined && !portRequired) return whole;
  const colon = entry.lastIndexOf(':');
  const host = colon > 0 ? canonical(entry.slice(0, colon)) : undefined;
  const port = entry.slice(colon + 1);
  if (host === undefined || !/^\d{1,5}$/.test(port)) {
    throw new TypeError(`${JSON.stringify(entry)} is not an IP address with a port`);
  }
  return `${host} ${Number(port)}`;
}

import { isIPv6 } from 'node:net';

/**
 * Which addresses are one client: an IPv4 address alone, an IPv6 address with its whole /64,
 * since everybody who has one of these has 2^64 of them. An IPv4 address that is written as
 * IPv6 counts as what it is. Refused: /56 or /48, which many providers share out among
 * customers; whoever has one of those is bounded by what all clients together may hold.
 */
export function clientKey(address: string): string {
  const zone = address.indexOf('%');
  const bare = zone === -1 ? address : address.slice(0, zone);
  if (!bare.includes(':') || !isIPv6(bare)) return bare;
  const groups = groupsOf(bare);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  if ((a | b | c | d | e) === 0 && f === 0xffff) return `${g >> 8}.${g & 255}.${h >> 8}.${h & 255}`;
  return `${a.toString(16)}:${b.toString(16)}:${c.toString(16)}:${d.toString(16)}::/64`;
}

/** The eight numbers of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const before = numbersOf(head);
  if (tail === undefined) return before;
  const after = numbersOf(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function numbersOf(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [w = 0, x = 0, y = 0, z = 0] = group.split('.').map(Number);
    return [(w << 8) | x, (y << 8) | z];
  });
}

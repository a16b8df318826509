import { isIP } from 'node:net';

/** What an address that a daemon listens on, or tells others, says of itself. */

/** `127.0.0.0/8`, `::1`, `localhost`: nobody but this machine. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/** Every address of this machine: good to listen on, and nothing that anybody can connect to. */
export const isWildcard = (host: string): boolean =>
  /^(?:0+(?:\.0+){0,3}|\*|\[?[0:]*::[0:]*\]?)$/.test(host) && host !== '';

const hostOf = (address: string): string =>
  address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');

/**
 * What is wrong with what a daemon would tell the mesh of itself; undefined when others can use
 * it. Found at the start, since the others would only see a member that comes and goes.
 */
export function announceProblem(told: {
  /** The key that binds, as the author writes it. */
  readonly key: string;
  readonly host: string;
  readonly advertiseHost: string | undefined;
  readonly seeds: readonly string[];
}): string | undefined {
  const { key, host, advertiseHost, seeds } = told;
  if (advertiseHost !== undefined && isWildcard(advertiseHost)) {
    return `listen.advertise_host is ${advertiseHost}, which nobody can connect to: set it to the address that other machines reach this one by`;
  }
  const announced = advertiseHost ?? host;
  if (isWildcard(announced)) {
    return `${host} is every address of this machine, and cannot be told to others: set listen.advertise_host to the address that other machines reach this one by`;
  }
  const elsewhere = seeds.find((seed) => !isLoopback(hostOf(seed)));
  if (isLoopback(announced) && elsewhere !== undefined) {
    return `${announced} would be told to members elsewhere (seed ${elsewhere}), who find only themselves there: set ${key} to an address of this machine, or listen.advertise_host`;
  }
  return undefined;
}

import { lookup as dnsLookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import { buildConnector } from 'undici';
import type { AddressCheck } from './address-policy.ts';
import { OUTBOUND_LIMITS } from './limits.ts';

export type Lookup = (
  hostname: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export const systemLookup: Lookup = (hostname) => dnsLookup(hostname, { all: true });

/**
 * Connects to an address that was checked, never to a name: the name is resolved once, every
 * address it has must pass, and the socket goes to one of exactly these, so that a second
 * answer of the name server (rebinding) is never asked for. Where the first cannot be reached
 * the first of the other family is tried: many a host has no IPv6, and its resolver names such
 * addresses all the same. A kept-alive connection was checked when it was made.
 */
export function createConnector(options: {
  readonly check: AddressCheck;
  readonly lookup: Lookup;
  readonly clock: Clock;
}): buildConnector.connector {
  const connect = buildConnector({ timeout: OUTBOUND_LIMITS.connectMs, allowH2: false });
  return (target, callback) => {
    const hostname = bareHost(target.hostname);
    const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
    const connectTo = ([address = '', ...others]: readonly string[]): void => {
      const servername = isIP(hostname) === 0 ? (target.servername ?? hostname) : '';
      connect(
        { ...target, hostname: address, host: address, port: String(port), servername },
        (error, socket) => {
          if (error !== null) {
            if (others.length > 0) connectTo(others);
            else callback(error, null);
          } else if (!reached(socket, address)) {
            socket.destroy();
            callback(denied(hostname), null);
          } else callback(null, socket);
        },
      );
    };
    resolveChecked(hostname, port, options).then(connectTo, (error: unknown) =>
      callback(PopmeshError.from(error, 'peer_unavailable'), null),
    );
  };
}

/** The socket must be where it was sent; a proxy or a hook in between would show here. */
const reached = (socket: Socket, address: string): boolean =>
  socket.remoteAddress === undefined ||
  socket.remoteAddress === address ||
  socket.remoteAddress === `::ffff:${address}` ||
  new URL(`http://[${socket.remoteAddress}]/`).hostname ===
    new URL(`http://[${address}]/`).hostname;

/** The addresses to try, in this order. */
async function resolveChecked(
  hostname: string,
  port: number,
  options: { check: AddressCheck; lookup: Lookup; clock: Clock },
): Promise<string[]> {
  if (isIP(hostname) !== 0) {
    if (!options.check(hostname, port)) throw denied(hostname);
    return [hostname];
  }
  const found = await within(options.clock, options.lookup(hostname), hostname);
  const [first] = found;
  if (first === undefined) throw unresolved(hostname);
  if (found.length > OUTBOUND_LIMITS.addresses) {
    throw new PopmeshError('outbound_denied', `${hostname} has ${found.length} addresses`);
  }
  // One bad address is enough: a name with a public and a private one is a trick or a mistake.
  for (const { address } of found) if (!options.check(address, port)) throw denied(hostname);
  const other = found.find(({ family }) => family !== first.family);
  return other === undefined ? [first.address] : [first.address, other.address];
}

function within<T>(clock: Clock, work: Promise<T>, hostname: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(OUTBOUND_LIMITS.lookupMs, () =>
      reject(new PopmeshError('timeout_exceeded', `resolving ${hostname} took too long`)),
    );
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (cause: unknown) => {
        timer.cancel();
        reject(unresolved(hostname, cause));
      },
    );
  });
}

/** Says nothing of what the address was: a name server's private answers are no business of a guest. */
const denied = (hostname: string): PopmeshError =>
  new PopmeshError('outbound_denied', `${hostname} is not a public address`, {
    hint: 'Functions reach public addresses only.',
  });

const unresolved = (hostname: string, cause?: unknown): PopmeshError =>
  new PopmeshError('peer_unavailable', `${hostname} could not be resolved`, { cause });

const bareHost = (hostname: string): string =>
  hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;

import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/**
 * Where NATS is, and how it is spoken to: `nats://` is plain, `tls://` is TLS or nothing. Checked
 * here, since the client takes any scheme for plain text. Refused: `wss://`, for which the client
 * has no transport in Node.
 */

export interface NatsServers {
  /** host:port each, without whatever gives access. */
  readonly servers: readonly string[];
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
}

const PORT = 4222;

/** Throws an `Error` with a message that holds no secret. */
export function parseNatsUrl(text: string): NatsServers {
  const urls = text.split(',').map((part) => parseOne(part.trim()));
  const given = urls.filter(({ username }) => username !== '');
  const [first] = given;
  if (given.some((url) => url.username !== first?.username || url.password !== first.password)) {
    throw new Error('the servers of one list have one user, or one token');
  }
  const user = first === undefined ? undefined : decodeURIComponent(first.username);
  const password = first?.password === '' ? undefined : first && decodeURIComponent(first.password);
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? PORT : port}`),
    tls: urls.some(({ scheme }) => scheme === 'tls'),
    ...(password === undefined
      ? { user: undefined, password, token: user }
      : { user, password, token: undefined }),
  };
}

interface Server {
  readonly scheme: string;
  readonly hostname: string;
  readonly port: string;
  readonly username: string;
  readonly password: string;
}

function parseOne(text: string): Server {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'ws' || scheme === 'wss') {
    throw new Error(
      `${scheme}:// is not supported: NATS over WebSocket has no client here; use tls://host:4222`,
    );
  }
  if (scheme !== 'nats' && scheme !== 'tls') {
    throw new Error('must be nats://host:port (plain) or tls://host:port (TLS)');
  }
  // As a scheme that has no port of its own; what follows is read by the web's own rules.
  const url = `x-nats${text.slice(text.indexOf('://'))}`;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (
    parsed === undefined ||
    parsed.hostname === '' ||
    !/^\/?$/.test(parsed.pathname) ||
    parsed.search !== ''
  )
    throw new Error(`${scheme}:// must be followed by host and port, and nothing else`);
  const { hostname, port, username, password } = parsed;
  return { scheme, hostname, port, username, password };
}

/** Whether anybody between here and there could read along. */
export function isPlainOffLoopback({ servers, tls }: NatsServers): boolean {
  return !tls && servers.some((server) => !isLoopback(server.slice(0, server.lastIndexOf(':'))));
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));

/**
 * For servers known by address the client names nobody, and Node would look for `localhost` in
 * the certificate. It must name one of the addresses that were configured.
 */
export function identityCheck(
  servers: readonly string[],
): (name: string, peer: PeerCertificate) => Error | undefined {
  const hosts = servers.map((server) =>
    server.slice(0, server.lastIndexOf(':')).replace(/^\[|\]$/g, ''),
  );
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  return (name, peer) => {
    if (name !== 'localhost' || hosts.includes('localhost')) return checkServerIdentity(name, peer);
    const results = addresses.map((address) => checkServerIdentity(address, peer));
    return results.includes(undefined) ? undefined : results[0];
  };
}

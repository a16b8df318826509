import { host, running } from './host.ts';
import { parseAtBuildTime } from './url-build-time.ts';

/**
 * A parsed URL. Web addresses that already are in the form that the standard's parser
 * would answer are cut by one expression (1 µs); anything else is the host's to parse
 * (6 µs). What a base needs resolving always goes to the host.
 */

export interface UrlRecord {
  href: string;
  origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  /** False: guessed at build time without the host; parsed again once it can be asked. */
  exact: boolean;
}

/**
 * No credentials, no upper case, a host whose last label begins with a letter and that holds no
 * "xn--" (else it may be a number or wrong IDNA), no port that may be a default or too large, a
 * path, and only characters that stay unescaped.
 */
const PLAIN =
  /^(https?):\/\/((?:[a-z0-9](?:-?[a-z0-9])*\.)*[a-z](?:-?[a-z0-9])*)(:[1-9]\d{0,3})?(\/[\w\-.~!$&'()*+,;=:@%/]*)(\?[\w\-.~!$&()*+,;=:@%/?]*)?(#[\w\-.~!$&'()*+,;=:@%/?]*)?$/;
const DOTS = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

export function parseUrl(input: string, base: string | undefined): UrlRecord | undefined {
  if (base === undefined && isPlain(input)) return plainRecord(input);
  // An empty base is a wrong one; to the host it would mean none.
  if (base === '') return undefined;
  if (!running) return parseAtBuildTime(input, base);
  return fromHost(host.urlParse(input.toWellFormed(), base?.toWellFormed() ?? ''));
}

/** The last request's URL, which the host has parsed and written as the standard's parser would. */
let normalised: string | undefined;

export function normalisedByHost(url: string): void {
  normalised = url;
}

/** Whether `plainParts` may cut it. */
export function isPlain(input: string): boolean {
  if (input === normalised) return true;
  const match = PLAIN.exec(input);
  if (match === null) return false;
  const colonPort = match[3] ?? '';
  const pathname = match[4] as string;
  return !(
    (colonPort === ':80' && match[1] === 'http') ||
    (colonPort === ':443' && match[1] === 'https') ||
    ((pathname.includes('/.') || pathname.includes('%2')) && DOTS.test(pathname))
  );
}

/** The parts of a plain web address, cut when asked: most programs look at one of them. */
export const plainParts = {
  origin: (href: string): string => href.slice(0, pathOf(href)),
  protocol: (href: string): string => (isSecure(href) ? 'https:' : 'http:'),
  host: (href: string): string => href.slice(isSecure(href) ? 8 : 7, pathOf(href)),
  hostname(href: string): string {
    const host = plainParts.host(href);
    const colon = host.indexOf(':');
    return colon < 0 ? host : host.slice(0, colon);
  },
  port(href: string): string {
    const host = plainParts.host(href);
    const colon = host.indexOf(':');
    return colon < 0 ? '' : host.slice(colon + 1);
  },
  pathname(href: string): string {
    const path = pathOf(href);
    const query = href.indexOf('?', path);
    const fragment = href.indexOf('#', path);
    if (fragment >= 0) return href.slice(path, query < 0 || query > fragment ? fragment : query);
    return query < 0 ? href.slice(path) : href.slice(path, query);
  },
  /** A lone `?` or `#` stays in the href but shows as an empty part. */
  search(href: string): string {
    const path = pathOf(href);
    const query = href.indexOf('?', path);
    const fragment = href.indexOf('#', path);
    if (query < 0 || (fragment >= 0 && fragment <= query + 1)) return '';
    if (fragment >= 0) return href.slice(query, fragment);
    return query === href.length - 1 ? '' : href.slice(query);
  },
  hash(href: string): string {
    const fragment = href.indexOf('#', pathOf(href));
    return fragment < 0 || fragment === href.length - 1 ? '' : href.slice(fragment);
  },
};

/** Beyond `http://` and at least one character of a host. */
const pathOf = (href: string): number => href.indexOf('/', 8);
const isSecure = (href: string): boolean => href.charCodeAt(4) === 0x73;

export function plainRecord(href: string): UrlRecord {
  return {
    href,
    origin: plainParts.origin(href),
    protocol: plainParts.protocol(href),
    username: '',
    password: '',
    host: plainParts.host(href),
    hostname: plainParts.hostname(href),
    port: plainParts.port(href),
    pathname: plainParts.pathname(href),
    search: plainParts.search(href),
    hash: plainParts.hash(href),
    exact: true,
  };
}

function fromHost(lines: string): UrlRecord | undefined {
  if (lines === '') return undefined;
  const part = lines.split('\n');
  const at = (index: number): string => part[index] ?? '';
  return {
    href: at(0),
    origin: at(1),
    protocol: at(2),
    username: at(3),
    password: at(4),
    host: at(5),
    hostname: at(6),
    port: at(7),
    pathname: at(8),
    search: at(9),
    hash: at(10),
    exact: true,
  };
}

/** As the setters of URL do; undefined: no change. */
export function setUrlPart(
  record: UrlRecord,
  part: keyof UrlRecord,
  value: string,
): UrlRecord | undefined {
  if (running) return fromHost(host.urlSet(record.href, part, value.toWellFormed()));
  const parts: Record<string, string | boolean> = { ...record };
  parts[part] = value;
  const { protocol, host: authority, pathname, search, hash } = parts as unknown as UrlRecord;
  const query = search === '' || search.startsWith('?') ? search : `?${search}`;
  const fragment = hash === '' || hash.startsWith('#') ? hash : `#${hash}`;
  return parseUrl(`${protocol}//${authority}${pathname}${query}${fragment}`, undefined);
}

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
  if (base === undefined) {
    const plain = parsePlain(input);
    if (plain !== undefined) return plain;
  }
  // An empty base is a wrong one; to the host it would mean none.
  if (base === '') return undefined;
  if (!running) return parseAtBuildTime(input, base);
  return fromHost(host.urlParse(input.toWellFormed(), base?.toWellFormed() ?? ''));
}

function parsePlain(input: string): UrlRecord | undefined {
  const match = PLAIN.exec(input);
  if (match === null) return undefined;
  const scheme = match[1] as string;
  const hostname = match[2] as string;
  const colonPort = match[3] ?? '';
  const pathname = match[4] as string;
  if (
    (colonPort === ':80' && scheme === 'http') ||
    (colonPort === ':443' && scheme === 'https') ||
    ((pathname.includes('/.') || pathname.includes('%2')) && DOTS.test(pathname)) ||
    // A lone `?` or `#` stays in the href but shows as an empty part: the host's case.
    match[5] === '?' ||
    match[6] === '#'
  ) {
    return undefined;
  }
  const authority = hostname + colonPort;
  return {
    href: input,
    origin: `${scheme}://${authority}`,
    protocol: `${scheme}:`,
    username: '',
    password: '',
    host: authority,
    hostname,
    port: colonPort.slice(1),
    pathname,
    search: match[5] ?? '',
    hash: match[6] ?? '',
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

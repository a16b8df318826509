import type { UrlRecord } from './url-record.ts';

/**
 * A small parser for `new URL(…)` at the top level of npm packages, where the host
 * cannot be asked. It knows ordinary addresses and plain relative references; what it
 * answers is marked inexact, so that the URL is parsed properly at the first request.
 */

const PARTS = /^([a-z][a-z0-9+.-]*:)(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/i;
const AUTHORITY = /^(?:([^:@]*)(?::([^@]*))?@)?(\[[^\]]*\]|[^:]*)(?::(\d*))?$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  'http:': '80',
  'https:': '443',
  'ws:': '80',
  'wss:': '443',
  'ftp:': '21',
};

export function parseAtBuildTime(input: string, base: string | undefined): UrlRecord | undefined {
  const text = input.trim();
  const match = PARTS.exec(text);
  if (match === null) return base === undefined ? undefined : resolve(text, base);
  const protocol = (match[1] as string).toLowerCase();
  const special = protocol in DEFAULT_PORTS;
  const authority = match[2] ?? '';
  const parts = AUTHORITY.exec(authority);
  if (parts === null || (special && authority === '')) return undefined;
  const [, username = '', password = '', hostname = '', port = ''] = parts;
  const name = special ? hostname.toLowerCase() : hostname;
  const shownPort = port === DEFAULT_PORTS[protocol] ? '' : port;
  const hostWithPort = shownPort === '' ? name : `${name}:${shownPort}`;
  const rooted = special || match[2] !== undefined;
  const pathname = rooted ? removeDots(match[3] || '/') : (match[3] ?? '');
  const search = match[4] === '?' ? '' : (match[4] ?? '');
  const hash = match[5] === '#' ? '' : (match[5] ?? '');
  const credentials =
    username === '' && password === ''
      ? ''
      : `${username}${password === '' ? '' : `:${password}`}@`;
  return {
    href: `${protocol}${rooted ? `//${credentials}${hostWithPort}` : ''}${pathname}${search}${hash}`,
    origin: special ? `${protocol}//${hostWithPort}` : 'null',
    protocol,
    username,
    password,
    host: hostWithPort,
    hostname: name,
    port: shownPort,
    pathname,
    search,
    hash,
    exact: false,
  };
}

function resolve(reference: string, base: string): UrlRecord | undefined {
  const from = parseAtBuildTime(base, undefined);
  if (from === undefined) return undefined;
  const root = `${from.protocol}//${from.host}`;
  if (reference.startsWith('//')) return parseAtBuildTime(from.protocol + reference, undefined);
  if (reference.startsWith('/')) return parseAtBuildTime(root + reference, undefined);
  if (reference === '' || reference.startsWith('#')) {
    return parseAtBuildTime(`${root}${from.pathname}${from.search}${reference}`, undefined);
  }
  if (reference.startsWith('?')) {
    return parseAtBuildTime(`${root}${from.pathname}${reference}`, undefined);
  }
  const folder = from.pathname.slice(0, from.pathname.lastIndexOf('/') + 1);
  return parseAtBuildTime(`${root}${folder}${reference}`, undefined);
}

function removeDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment !== '..' && segment !== '.') kept.push(segment);
    else if (last) kept.push('');
  });
  return `/${kept.join('/')}`;
}

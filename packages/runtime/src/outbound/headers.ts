import { PopmeshError } from '@popmesh/contracts';
import type { HeaderList } from '../worker/door.ts';
import { OUTBOUND_LIMITS } from './limits.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The connection's own, and what only the host may say. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
const HOST_OWN: ReadonlySet<string> = new Set(['host', 'content-length', 'expect']);
/** Words between the parts of the mesh; a function must not be able to speak them. */
const MESH_PREFIX = 'popmesh-';

/** Flat `name, value, …` as undici takes it. Throws `invalid_argument`. */
export function outgoingHeaders(headers: HeaderList): string[] {
  if (headers.length > OUTBOUND_LIMITS.requestHeaders) {
    throw invalid(`more than ${OUTBOUND_LIMITS.requestHeaders} headers`);
  }
  const flat: string[] = [];
  let bytes = 0;
  let agent = false;
  for (const [anyCase, value] of headers) {
    const name = anyCase.toLowerCase();
    if (!TOKEN.test(name)) throw invalid(`header name ${JSON.stringify(name.slice(0, 80))}`);
    if (!VALUE.test(value)) throw invalid(`value of header ${name}`);
    if (HOP_BY_HOP.has(name) || HOST_OWN.has(name) || name.startsWith(MESH_PREFIX)) continue;
    agent ||= name === 'user-agent';
    bytes += name.length + value.length;
    flat.push(name, value);
  }
  if (bytes > OUTBOUND_LIMITS.requestHeaderBytes) {
    throw invalid(`headers of more than ${OUTBOUND_LIMITS.requestHeaderBytes} bytes`);
  }
  if (!agent) flat.push('user-agent', 'popmesh');
  return flat;
}

const invalid = (what: string): PopmeshError =>
  new PopmeshError('invalid_argument', `outbound request: invalid ${what}`);

export function incomingHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): HeaderList {
  const list: HeaderList = [];
  for (const [name, values] of Object.entries(headers)) {
    // An origin cannot speak the words of the mesh either, as a proxied answer would repeat them.
    if (values === undefined || HOP_BY_HOP.has(name) || name.startsWith(MESH_PREFIX)) continue;
    if (typeof values === 'string') list.push([name, values]);
    else for (const value of values) list.push([name, value]);
  }
  return list;
}

const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie']);
const CONTENT: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
]);

export const withoutCredentials = (headers: HeaderList): HeaderList =>
  headers.filter(([name]) => !CREDENTIALS.has(name.toLowerCase()));

export const withoutContent = (headers: HeaderList): HeaderList =>
  headers.filter(([name]) => !CONTENT.has(name.toLowerCase()));

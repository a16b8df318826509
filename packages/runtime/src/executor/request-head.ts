import { PopmeshError } from '@popmesh/contracts';

/**
 * What concerns us of a request's head, and the header lines that the guest sees. Filled by the
 * plain parser (http1/plain-request.ts), or from node:http's raw headers in one pass:
 * `req.headers` is computed on first access and would cost more than all of this.
 */

export class RequestHead {
  method = 'GET';
  /** As it stands in the request line. */
  target = '/';
  /** From `popmesh-function`, else undefined and the path names the function. */
  functionId: string | undefined = undefined;
  requestId = '';
  timeoutMs = 0;
  clientKey = '';
  scheme = 'http';
  host = '';
  contentLength = -1;
  chunked = false;
  lines = '';
  /** Why nobody may be given this request; node:http takes some that the gateway refuses. */
  refusal: PopmeshError | undefined = undefined;
}

export const CONTROL = 'popmesh-';

/** Hop-by-hop: meant for the connection, never for the function. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

export function readRequestHead(
  raw: readonly string[],
  method: string | undefined,
  target: string | undefined,
): RequestHead {
  const head = new RequestHead();
  head.method = method ?? 'GET';
  head.target = target ?? '/';
  let lines = '';
  let hosts = 0;
  let codings = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const value = raw[i + 1] as string;
    if (name.startsWith(CONTROL) && readControl(head, name, value)) continue;
    if (HOP_BY_HOP.has(name)) {
      if (name === 'transfer-encoding') codings += `${value},`;
      continue;
    }
    if (name === 'host') {
      head.host = value;
      hosts++;
    } else if (name === 'content-length') head.contentLength = Number(value);
    lines += `${name}: ${value}\n`;
  }
  head.lines = lines;
  head.chunked = codings !== '';
  if (hosts > 1) head.refusal = invalid('There is more than one Host header');
  else if (!head.target.startsWith('/')) head.refusal = invalid('The target must be a path');
  else if (head.chunked && codings.toLowerCase() !== 'chunked,') {
    head.refusal = invalid('Transfer-Encoding must be "chunked", once');
  } else if (head.method === 'TRACE') {
    head.refusal = new PopmeshError('unimplemented', 'popmesh does not serve TRACE');
  }
  return head;
}

const invalid = (message: string): PopmeshError => new PopmeshError('invalid_argument', message);

/** True when the header was for us; the other `popmesh-*` are ordinary ones. */
export function readControl(head: RequestHead, name: string, value: string): boolean {
  switch (name) {
    case 'popmesh-function':
      head.functionId = value;
      return true;
    case 'popmesh-request-id':
      head.requestId = value.slice(0, 128);
      return true;
    case 'popmesh-timeout-ms':
      head.timeoutMs = Math.max(0, Number.parseInt(value, 10) || 0);
      return true;
    case 'popmesh-client-key':
      head.clientKey = value;
      return true;
    case 'popmesh-scheme':
      head.scheme = value === 'https' ? 'https' : 'http';
      return true;
    default:
      return false;
  }
}

/** Nothing here that URL parsing would change. */
const PLAIN_TARGET = /^\/[A-Za-z0-9_~!$&()*+,;=:@/?.%-]*$/;
const DOT_SEGMENT = /\/\.|%2e/i;
const NOT_IN_HOST = /[/?#@\\\s]/;
const PLAIN_HOST = /^[a-z0-9.-]+(?::\d{1,5})?$/;

/** The absolute URL the guest sees, normalised. */
export function absoluteUrl(scheme: string, host: string, target: string): string {
  const url = `${scheme}://${host === '' ? 'localhost' : host}${target}`;
  const plain = PLAIN_TARGET.test(target) && !DOT_SEGMENT.test(target);
  if (plain && PLAIN_HOST.test(host) && !NUMERIC_OR_DEFAULT.test(host)) return url;
  // A host that brings a path or a name of its own along would be another URL.
  const parsed = NOT_IN_HOST.test(host) ? null : URL.parse(url);
  if (parsed === null) throw invalid('The request has no valid URL');
  return parsed.href;
}

/** Ports that a URL leaves out, and hosts that URL parsing reads as IPv4 numbers. */
const NUMERIC_OR_DEFAULT = /:(?:80|443|0\d*)$|(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?(?::|$)/;

/** Takes `/<namespace>/<name>` off the front of a target. */
export function splitPath(target: string): { functionId: string; target: string } | undefined {
  const match = /^\/([a-z0-9-]{1,63})\/([a-z0-9-]{1,63})(?=[/?]|$)/.exec(target);
  if (match === null) return undefined;
  const rest = target.slice(match[0].length);
  return {
    functionId: `${match[1]}/${match[2]}`,
    target: rest.startsWith('/') ? rest : `/${rest}`,
  };
}

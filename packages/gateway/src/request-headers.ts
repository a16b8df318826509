/**
 * The rules for what a client's headers become on their way to a data plane.
 * Works on node's raw pairs and writes one flat array, because an object of
 * headers per hop is what a proxy spends its time on. What each name means is
 * looked up once per spelling and kept.
 */

const KEEP = 0;
const DROP = 1;
/** Kept from a trusted proxy only. */
const DROP_UNTRUSTED = 2;
const REFUSE = 3;
const HOST = 4;
const CONNECTION = 5;
const CONTENT_LENGTH = 6;
const TRANSFER_ENCODING = 7;
const UPGRADE = 8;
const FORWARDED_FOR = 9;
const FORWARDED_PROTO = 10;
const FORWARDED_HOST = 11;
const CLIENT_LOCATION = 12;
const CLIENT_COUNTRY = 13;
const TIMEOUT_MS = 14;
const CLIENT_KEY = 15;
const TRACEPARENT = 16;
const IDEMPOTENCY_KEY = 17;
const TRAILER = 18;

const RULES: ReadonlyMap<string, number> = new Map([
  ['host', HOST],
  ['connection', CONNECTION],
  ['content-length', CONTENT_LENGTH],
  ['transfer-encoding', TRANSFER_ENCODING],
  ['upgrade', UPGRADE],
  ['keep-alive', DROP],
  ['proxy-connection', DROP],
  ['proxy-authorization', DROP],
  ['te', DROP],
  ['trailer', TRAILER],
  // node:http has answered 100 already.
  ['expect', DROP],
  ['http2-settings', DROP],
  ['forwarded', DROP_UNTRUSTED],
  ['via', DROP_UNTRUSTED],
  // Everything else that somebody somewhere takes for the client's address.
  ['x-real-ip', DROP_UNTRUSTED],
  ['x-client-ip', DROP_UNTRUSTED],
  ['x-cluster-client-ip', DROP_UNTRUSTED],
  ['true-client-ip', DROP_UNTRUSTED],
  ['cf-connecting-ip', DROP_UNTRUSTED],
  ['fastly-client-ip', DROP_UNTRUSTED],
  ['x-original-url', DROP_UNTRUSTED],
  ['x-rewrite-url', DROP_UNTRUSTED],
  ['x-forwarded-for', FORWARDED_FOR],
  ['x-forwarded-proto', FORWARDED_PROTO],
  ['x-forwarded-host', FORWARDED_HOST],
  ['popmesh-client-location', CLIENT_LOCATION],
  ['popmesh-client-country', CLIENT_COUNTRY],
  ['popmesh-timeout-ms', TIMEOUT_MS],
  ['popmesh-client-key', CLIENT_KEY],
  ['traceparent', TRACEPARENT],
  ['idempotency-key', IDEMPOTENCY_KEY],
]);

export const HEADER_NAME_CACHE_ENTRIES_MAX = 1024;
const known = new Map<string, number>();

function ruleOf(rawName: string): number {
  const cached = known.get(rawName);
  if (cached !== undefined) return cached;
  const name = rawName.toLowerCase();
  let rule = RULES.get(name);
  if (rule === undefined) {
    // `x_forwarded_for` is `x-forwarded-for` to CGI-like readers behind us.
    if (name.includes('_')) rule = REFUSE;
    else if (name.startsWith('popmesh-')) rule = DROP;
    else rule = name.startsWith('x-forwarded-') ? DROP_UNTRUSTED : KEEP;
  }
  if (known.size >= HEADER_NAME_CACHE_ENTRIES_MAX) known.clear();
  known.set(rawName, rule);
  return rule;
}

/** What the walk over the headers found out. One object per request. */
export class RequestHead {
  /** Flat pairs to send on; the caller appends what it sets itself. */
  readonly out: string[] = [];
  host: string | undefined;
  /** -1 when absent. */
  contentLength = -1;
  chunked = false;
  upgrade: string | undefined;
  forwardedFor: string | undefined;
  forwardedProto: string | undefined;
  forwardedHost: string | undefined;
  clientLocation: string | undefined;
  clientCountry: string | undefined;
  timeoutMs: string | undefined;
  clientKey: string | undefined;
  traceId: string | undefined;
  idempotencyKey = false;
  /** Trailers will come behind the body. */
  announcesTrailers = false;
  /** Why the request is refused with 400; undefined when it is fine. */
  refusal: string | undefined;

  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }
}

export function readRequestHead(raw: readonly string[], trusted: boolean): RequestHead {
  const head = new RequestHead();
  const out = head.out;
  let connection: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    switch (ruleOf(name)) {
      case KEEP:
        out.push(name, value);
        break;
      case DROP:
        break;
      case DROP_UNTRUSTED:
        if (trusted) out.push(name, value);
        break;
      case REFUSE:
        head.refusal = `the header name ${JSON.stringify(name)} is not allowed`;
        return head;
      case HOST:
        if (head.host !== undefined) {
          head.refusal = 'more than one Host header';
          return head;
        }
        head.host = value;
        break;
      case CONNECTION:
        connection = connection === undefined ? value : `${connection},${value}`;
        break;
      case CONTENT_LENGTH:
        if (head.contentLength !== -1 || !/^\d{1,15}$/.test(value)) {
          head.refusal = 'more than one Content-Length, or not a number';
          return head;
        }
        head.contentLength = Number(value);
        break;
      case TRANSFER_ENCODING:
        if (head.chunked || value.toLowerCase() !== 'chunked') {
          head.refusal = 'Transfer-Encoding must be "chunked", once';
          return head;
        }
        head.chunked = true;
        break;
      case UPGRADE:
        head.upgrade = value;
        break;
      case FORWARDED_FOR:
        if (trusted) {
          head.forwardedFor =
            head.forwardedFor === undefined ? value : `${head.forwardedFor}, ${value}`;
        }
        break;
      case FORWARDED_PROTO:
        if (trusted) head.forwardedProto = value;
        break;
      case FORWARDED_HOST:
        if (trusted) head.forwardedHost = value;
        break;
      case CLIENT_LOCATION:
        if (trusted) head.clientLocation = value;
        break;
      case CLIENT_COUNTRY:
        if (trusted && /^[A-Z]{2}$/.test(value)) head.clientCountry = value;
        break;
      case TIMEOUT_MS:
        if (trusted) head.timeoutMs = value;
        break;
      case CLIENT_KEY:
        if (trusted) head.clientKey = value;
        break;
      case TRACEPARENT:
        if (trusted) head.traceId = /^00-([0-9a-f]{32})-/.exec(value)?.[1];
        out.push(name, value);
        break;
      case TRAILER:
        head.announcesTrailers = true;
        break;
      case IDEMPOTENCY_KEY:
        head.idempotencyKey = value.length > 0;
        out.push(name, value);
        break;
    }
  }
  if (head.chunked && head.contentLength !== -1) {
    head.refusal = 'Content-Length together with Transfer-Encoding';
  } else if (connection !== undefined) dropNamed(out, connection);
  return head;
}

/** What may go on of a request's trailers, as pairs for `addTrailers`: nothing that a head would lose. */
export function requestTrailers(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (ruleOf(name) === KEEP) pairs.push([name, raw[i + 1] as string]);
  }
  return pairs;
}

/** Headers named by `connection` belong to the hop. */
function dropNamed(out: string[], connection: string): void {
  const lower = connection.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close') return;
  const names = new Set(lower.split(',').map((name) => name.trim()));
  let to = 0;
  for (let i = 0; i < out.length; i += 2) {
    if (names.has((out[i] as string).toLowerCase())) continue;
    out[to] = out[i] as string;
    out[to + 1] = out[i + 1] as string;
    to += 2;
  }
  out.length = to;
}

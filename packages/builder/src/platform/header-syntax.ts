/** Names and values of header fields: checked once per name, since the same few are used for ever. */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOT_PLAIN = /[^\t\x20-\x7e]/;
const REFUSED = /[\0\r\n]|[^\0-\xff]/;
const EDGES = /^[\t\n\r ]+|[\t\n\r ]+$/g;
const KNOWN_NAMES_MAX = 512;

const known = new Map<string, string>();
for (const name of [
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'Authorization',
  'Cache-Control',
  'Content-Encoding',
  'Content-Length',
  'Content-Type',
  'Cookie',
  'ETag',
  'Host',
  'If-Modified-Since',
  'If-None-Match',
  'Last-Modified',
  'Location',
  'Origin',
  'Referer',
  'Set-Cookie',
  'User-Agent',
  'Vary',
]) {
  known.set(name, name.toLowerCase());
  known.set(name.toLowerCase(), name.toLowerCase());
}

/** The name in lower case. */
export function headerName(name: string): string {
  const lower = known.get(name);
  return lower === undefined ? checkName(name) : lower;
}

function checkName(name: unknown): string {
  const text = `${name}`;
  if (!TOKEN.test(text)) throw new TypeError(`Invalid header name: ${JSON.stringify(text)}`);
  const lower = text.toLowerCase();
  if (known.size < KNOWN_NAMES_MAX) known.set(text, lower);
  return lower;
}

export function headerValue(value: unknown): string {
  const text = typeof value === 'string' ? value : `${value}`;
  if (NOT_PLAIN.test(text)) {
    const trimmed = text.replace(EDGES, '');
    if (REFUSED.test(trimmed)) throw new TypeError(`Invalid header value: ${JSON.stringify(text)}`);
    return trimmed;
  }
  const last = text.charCodeAt(text.length - 1);
  const first = text.charCodeAt(0);
  if (first === 32 || last === 32 || first === 9 || last === 9) return text.replace(EDGES, '');
  return text;
}

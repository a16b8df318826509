/** `method` and `scheme` variants of wasi:http, to and from the words on the wire. */

export interface Tagged {
  readonly tag: string;
  readonly val?: unknown;
}

const METHODS = new Map<string, Tagged>(
  ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'].map((tag) => [
    tag.toUpperCase(),
    Object.freeze({ tag }),
  ]),
);
const METHOD_TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;

export const methodVariant = (method: string): Tagged =>
  METHODS.get(method) ?? { tag: 'other', val: method };

/** Undefined when it is no method. */
export function methodText(method: Tagged): string | undefined {
  if (method.tag === 'other') {
    const text = method.val;
    return typeof text === 'string' && METHOD_TOKEN.test(text) ? text : undefined;
  }
  const text = method.tag.toUpperCase();
  return METHODS.has(text) ? text : undefined;
}

const HTTP: Tagged = Object.freeze({ tag: 'HTTP' });
const HTTPS: Tagged = Object.freeze({ tag: 'HTTPS' });

export const schemeVariant = (scheme: string): Tagged => {
  if (scheme === 'http') return HTTP;
  return scheme === 'https' ? HTTPS : { tag: 'other', val: scheme };
};

/** Undefined for every scheme but http and https: nothing else is carried. */
export function schemeText(scheme: Tagged | undefined): 'http' | 'https' | undefined {
  if (scheme === undefined || scheme.tag === 'HTTPS') return 'https';
  return scheme.tag === 'HTTP' ? 'http' : undefined;
}

export interface UrlParts {
  readonly scheme: string;
  readonly authority: string;
  readonly pathWithQuery: string;
}

/** Of an absolute URL that the host has normalised; cheaper than a `URL` per request. */
export function splitUrl(url: string): UrlParts {
  const colon = url.indexOf('://');
  const start = colon + 3;
  const path = url.indexOf('/', start);
  const authority = path < 0 ? url.slice(start) : url.slice(start, path);
  const rest = path < 0 ? '/' : url.slice(path);
  const hash = rest.indexOf('#');
  return {
    scheme: url.slice(0, Math.max(0, colon)),
    authority,
    pathWithQuery: hash < 0 ? rest : rest.slice(0, hash),
  };
}

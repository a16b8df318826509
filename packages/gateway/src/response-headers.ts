import { narrowed, SITE_WIDE, type Site } from './site.ts';

/** What a data plane's response headers become on their way to the client. */

const HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Ours that the client may see; `popmesh-error` tells a platform error from a function's own. */
const SHOWN: ReadonlySet<string> = new Set(['popmesh-version', 'popmesh-start', 'popmesh-error']);

export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

export const headerValue = (headers: UpstreamHeaders, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/**
 * Flat pairs for `writeHead`. Keys of `headers` are in lower case. `server-timing`
 * is left out: the caller writes it with its own part.
 */
export function responseHeaders(headers: UpstreamHeaders, out: string[], site: Site): void {
  const connection = headers.connection;
  const named =
    connection === undefined || connection === 'keep-alive' || connection === 'close'
      ? undefined
      : String(connection)
          .toLowerCase()
          .split(/\s*,\s*/);
  for (const name in headers) {
    if (HOP.has(name) || name === 'server-timing') continue;
    if (name.startsWith('popmesh-') && !SHOWN.has(name)) continue;
    if (named?.includes(name)) continue;
    const value = headers[name];
    if (value !== undefined && SITE_WIDE.has(name)) pushNarrowed(name, value, site, out);
    else if (typeof value === 'string') out.push(name, value);
    else if (value !== undefined) for (const one of value) out.push(name, one);
  }
}

function pushNarrowed(name: string, value: string | string[], site: Site, out: string[]): void {
  for (const one of typeof value === 'string' ? [value] : value) {
    const passes = narrowed(name, one, site);
    if (passes !== undefined) out.push(name, passes);
  }
}

/** What comes behind the body, as pairs for `addTrailers`. The executor has kept out what may not. */
export function responseTrailers(trailers: UpstreamHeaders, site: Site): [string, string][] {
  const out: string[] = [];
  responseHeaders(trailers, out, site);
  const pairs: [string, string][] = [];
  for (let i = 0; i < out.length; i += 2) pairs.push([out[i] as string, out[i + 1] as string]);
  return pairs;
}

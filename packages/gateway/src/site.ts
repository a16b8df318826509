/**
 * What an answer may say for its whole origin, site or host. A function speaks for itself only:
 * at an address that it shares with functions of others (`/<namespace>/<function>/` on a bare IP,
 * an unknown host or the domain's apex) nothing that a browser would apply to them passes, and
 * its cookies are narrowed to its own path. At a name of its own it may speak for that host and
 * not for those above, beside or under it: `hello.example` is a function, and
 * `shop.hello.example` one of another namespace. At a custom host it may speak for what is under
 * it as well, unless another namespace has a host there.
 *
 * Refused: `Content-Security-Policy: sandbox` on the shared address, which would also part the
 * scripts of two functions there: it takes storage and logins from everybody who tries popmesh
 * on an IP. Whoever serves browsers gives functions names; the README says so.
 */

/** Where another namespace has a host, as seen from this one: under it, or only above it. */
export type Kin = 'beneath' | 'above';

export interface Site {
  /** How the function was found: by its name under the domain, a host of its own, or a path. */
  readonly via: 'name' | 'host' | 'path';
  /** In lower case, without port. */
  readonly host: string;
  readonly kin?: Kin | undefined;
  /** Hosts above that its namespace has, with nobody else's beneath them. */
  readonly ownAbove?: ReadonlySet<string> | undefined;
  readonly entry: { readonly id: string };
}

/** Headers that a browser applies to more than the answer that they came with. */
export const SITE_WIDE: ReadonlySet<string> = new Set([
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'critical-ch',
  'expect-ct',
  'nel',
  'public-key-pins',
  'public-key-pins-report-only',
  'report-to',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'set-login',
  'strict-transport-security',
  'use-as-dictionary',
]);

/** The value as it may pass; undefined when it may not. `name` is one of `SITE_WIDE`. */
export function narrowed(name: string, value: string, site: Site): string | undefined {
  if (name === 'set-cookie') return narrowedCookie(value, site);
  if (site.via === 'path') return undefined;
  if (isFree(site, name)) return value;
  switch (name) {
    case 'clear-site-data':
      return ownSiteData(value);
    case 'strict-transport-security':
      return value
        .split(';')
        .filter((part) => !/^\s*(?:includesubdomains|preload)\s*$/i.test(part))
        .join(';');
    case 'report-to':
    case 'nel':
    case 'public-key-pins':
    case 'public-key-pins-report-only':
      return /include_?subdomains/i.test(value) ? undefined : value;
    default:
      return value;
  }
}

/** Whether all that it could reach with it is its own. */
const isFree = ({ via, kin }: Site, name: string): boolean =>
  via === 'host' && (kin === undefined || (kin === 'above' && name !== 'clear-site-data'));

/** Cookies are cleared for all names under one registered domain, so that is not one's own to say. */
function ownSiteData(value: string): string | undefined {
  const types = value.split(',').map((type) => type.trim());
  if (types.includes('"*"')) return '"cache", "storage"';
  const own = types.filter((type) => type !== '"cookies"' && type !== '"clientHints"');
  return own.length === 0 ? undefined : own.join(', ');
}

function narrowedCookie(cookie: string, site: Site): string | undefined {
  const parts = cookie.split(';');
  const kept = [parts[0] as string];
  let path = '/';
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i] as string;
    const equals = part.indexOf('=');
    const name = (equals === -1 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value = equals === -1 ? '' : part.slice(equals + 1).trim();
    if (name === 'domain') {
      const domain = value.replace(/^\./, '').toLowerCase();
      if (site.ownAbove?.has(domain)) kept.push(part);
      // An empty one says nothing.
      else if (domain !== '' && domain !== site.host) return undefined;
      else if (isFree(site, 'set-cookie')) kept.push(part);
    } else if (name === 'path' && site.via === 'path') path = value;
    else kept.push(part);
  }
  if (site.via !== 'path') return kept.join(';');
  // A browser would refuse it with any path but `/`.
  if (/^\s*__host-/i.test(cookie)) return undefined;
  const own = `/${site.entry.id}`;
  // Who knows where he is served and says so himself is right, too.
  if (path === own || path.startsWith(`${own}/`)) kept.push(` Path=${path}`);
  else kept.push(` Path=${own}${path.startsWith('/') && path !== '/' ? path : ''}`);
  return kept.join(';');
}

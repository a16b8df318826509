/**
 * Host names and paths that a route may name: one rule for the command line, the
 * node and the gateway, so that what one of them lets through is what the next
 * one means. Whoever may claim a host takes all of its traffic; so what could be
 * read as an address, or in two ways, is no host name here. Refused: to normalise
 * instead, which would claim something else than what was written.
 */

export const HOST_LENGTH_MAX = 253;
export const ROUTE_PATH_LENGTH_MAX = 1024;

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Top-level domains begin with a letter; what does not is read as an IPv4 address by URL parsers. */
const LAST_LABEL = /^[a-z]/;

/**
 * `shop.example.com`: lower case, at least one dot, no dot at the end, other
 * alphabets as punycode. Never an address, in no spelling (`127.1`,
 * `0x7f.0.0.1`, `2130706433`, `[::1]`), and no single label such as `localhost`.
 */
export function isHostName(host: string): boolean {
  if (host.length > HOST_LENGTH_MAX) return false;
  const labels = host.split('.');
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label))) return false;
  if (!LAST_LABEL.test(labels[labels.length - 1] as string)) return false;
  // What clients ask for is what their URL parser makes of a name: it must be this one.
  return URL.parse(`http://${host}/`)?.hostname === host;
}

/** How a person's spelling of a host is written in a route: undefined when nothing can help it. */
export function hostNameOf(text: string): string | undefined {
  const host = URL.parse(`http://${text.trim().replace(/\.$/, '')}/`)?.host;
  return host !== undefined && isHostName(host) ? host : undefined;
}

/** `host` itself, or below it. */
export const isWithinDomain = (host: string, domain: string): boolean =>
  host === domain || host.endsWith(`.${domain}`);

/** Visible ASCII without what a URL parser would change or cut off; one star, at the end. */
const ROUTE_PATH = /^\/(?:[A-Za-z0-9._~!$&'()+,;=:@/-]|%[0-9A-Fa-f]{2})*\*?$/;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:[/*]|$)/i;

/** `/`, `/api/*`: no dot segments, in no spelling, because a request's path has none either. */
export const isRoutePath = (path: string): boolean =>
  path.length <= ROUTE_PATH_LENGTH_MAX && ROUTE_PATH.test(path) && !DOT_SEGMENT.test(path);

import type { Directory, Match } from './directory.ts';

/**
 * A request is matched on the path that its function will see. URL parsers (the
 * function's too) take `/a/../b` for `/b`, so a target whose two readings lead to
 * different places is refused, and every other one is passed on as it was sent.
 * Refused: to rewrite it, which breaks signatures over URLs and odd but harmless
 * keys; and to refuse all dot segments, which some clients send and mean.
 *
 * `//` and encoded slashes (`%2f`) are the same in both readings: an empty segment,
 * and a character that separates nothing.
 */

/**
 * In a path a backslash is read as a slash by some and as itself by others; `#` ends the target
 * for some. Behind `?` a backslash is only itself, and browsers send it unescaped.
 */
const TWO_MEANINGS = /#|^[^?]*\\/;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:[/?]|$)/i;

export function findFunction(
  directory: Directory,
  host: string,
  url: string,
): Match | 'ambiguous' | undefined {
  if (TWO_MEANINGS.test(url)) return 'ambiguous';
  const asSent = directory.find(host, url);
  if (!DOT_SEGMENT.test(url)) return asSent;
  const asRead = directory.find(host, withoutDotSegments(url));
  const isSame =
    asSent?.entry === asRead?.entry &&
    withoutDotSegments(asSent?.path ?? '/') === (asRead?.path ?? '/');
  return isSame ? asSent : 'ambiguous';
}

/** As a function's `new URL(request.url)` has it. */
function withoutDotSegments(url: string): string {
  const at = url.indexOf('?');
  const path = at === -1 ? url : url.slice(0, at);
  // Joined, not resolved: a path that begins with `//` names no other host.
  const pathname = URL.parse(`http://h${path}`)?.pathname ?? path;
  return at === -1 ? pathname : pathname + url.slice(at);
}

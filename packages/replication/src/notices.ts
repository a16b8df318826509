import type { FunctionNotice } from '@popmesh/protocol';
import { NOTICES_KEPT_MAX } from './limits.ts';
import { compare } from './version-order.ts';

/** What happened to a function that nobody asked for, kept in its record for its authors. */

/** Tells two notices apart; a notice never changes. */
export const noticeName = ({ timeMs, kind, message }: FunctionNotice): string =>
  JSON.stringify([String(timeMs), kind, message]);

export const isSameNotice = (a: FunctionNotice, b: FunctionNotice | undefined): boolean =>
  b !== undefined && noticeName(a) === noticeName(b);

/** Each once, oldest first, the newest so many. */
export function joinedNotices(notices: readonly FunctionNotice[]): FunctionNotice[] {
  const sorted = [...notices].sort(
    (a, b) => compare(a.timeMs, b.timeMs) || compare(noticeName(a), noticeName(b)),
  );
  const once = sorted.filter((notice, i) => i === 0 || !isSameNotice(notice, sorted[i - 1]));
  return once.slice(-NOTICES_KEPT_MAX);
}

import type { Tagged } from './http-method.ts';
import { IoError } from './io-error.ts';

/**
 * Results as values. jco's glue takes `{tag, val}` from a host function as it is, so an
 * expected error costs no exception; what is thrown (always an `Error`) traps the guest.
 */
export type Result<T, E> =
  | { readonly tag: 'ok'; readonly val: T }
  | { readonly tag: 'err'; readonly val: E };

export type StreamError =
  | { readonly tag: 'last-operation-failed'; readonly val: IoError }
  | { readonly tag: 'closed' };

export const ok = <T>(val: T): Result<T, never> => ({ tag: 'ok', val });
export const err = <E>(val: E): Result<never, E> => ({ tag: 'err', val });

export const OK: Result<undefined, never> = Object.freeze({ tag: 'ok', val: undefined });
/** For `result<_, _>` and `result` without an error type. */
export const ERR: Result<never, undefined> = Object.freeze({ tag: 'err', val: undefined });
export const CLOSED: Result<never, StreamError> = Object.freeze({
  tag: 'err',
  val: Object.freeze({ tag: 'closed' }),
});
export const failed = (message: string, httpCode?: Tagged): Result<never, StreamError> =>
  err({ tag: 'last-operation-failed', val: new IoError(message, httpCode) });

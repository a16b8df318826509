import { isDeepStrictEqual } from 'node:util';

/**
 * Where a function answers otherwise than Node 26, on purpose or for now. A difference that
 * no row here explains fails the test.
 */

export interface Difference {
  readonly area: string;
  readonly kinds: readonly string[];
  readonly reason: string;
  matches(input: unknown, node: unknown, ours: unknown): boolean;
}

const isError = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'error' in value;
const bothFail = (_: unknown, node: unknown, ours: unknown): boolean =>
  isError(node) && isError(ours);
const FIRST_OF_TWO = 'The input is wrong in two ways; the other one is named.';

/** The same things seen, in another order. */
const sameInOtherOrder = (_: unknown, node: unknown, ours: unknown): boolean => {
  const sorted = (log: unknown): string[] =>
    (log as unknown[])
      .map((it) => JSON.stringify(it, Object.keys(Object(Array.isArray(it) ? it[1] : it)).sort()))
      .sort();
  return (
    Array.isArray(node) && Array.isArray(ours) && isDeepStrictEqual(sorted(node), sorted(ours))
  );
};

export const DIFFERENCES: readonly Difference[] = [
  {
    area: 'Headers',
    kinds: ['operations'],
    reason:
      'A copy of headers keeps an empty last value (`a, `), where Node joins and trims (`a,`).',
    matches: (_, node, ours) => isDeepStrictEqual(trimmedPairs(node), trimmedPairs(ours)),
  },
  {
    area: 'Response',
    kinds: ['create', 'json', 'rewrap'],
    reason: FIRST_OF_TWO,
    matches: bothFail,
  },
  { area: 'Request', kinds: ['create', 'derive'], reason: FIRST_OF_TWO, matches: bothFail },
  { area: 'crypto.subtle', kinds: ['refused', 'aes'], reason: FIRST_OF_TWO, matches: bothFail },
  {
    area: 'Response',
    kinds: ['rewrap'],
    reason:
      'The clone of a response that was made of another one’s `body` is read from memory, so that the other one does not show as used.',
    matches: (_, node, ours) =>
      isDeepStrictEqual((node as unknown[]).slice(0, 2), (ours as unknown[]).slice(0, 2)),
  },
  {
    area: 'Blob, FormData',
    kinds: ['multipart'],
    reason: 'Text before the first boundary, or no boundary at all, is refused; Node skips it.',
    matches: (_, node, ours) => !isError(node) && isError(ours),
  },
  {
    area: 'Streams',
    kinds: ['readable'],
    reason: 'The same results, a microtask earlier or later.',
    matches: sameInOtherOrder,
  },
  {
    area: 'Streams',
    kinds: ['pipe'],
    reason:
      'A sink that fails on the very last chunk under `preventClose`: the pipe has ended already, as in the standard’s reference implementation; Node rejects.',
    matches: (input) => (input as [unknown, { preventClose: boolean }])[1].preventClose,
  },
  {
    area: 'crypto.subtle',
    kinds: ['aes'],
    reason:
      'AES-GCM takes an iv of any length, as the standard says; Node 26 wants 12 bytes or more.',
    matches: (input, node) => isError(node) && ((input as number[][])[2] ?? []).length < 12,
  },
  {
    area: 'Request',
    kinds: ['written'],
    reason: 'A stream is taken as a body without `duplex: "half"`, as workerd does.',
    matches: (input) => input === 'a stream needs duplex',
  },
  {
    area: 'AbortSignal, EventTarget',
    kinds: ['written'],
    reason: 'A timeout below zero is a TypeError, as the standard says; Node throws a RangeError.',
    matches: (input) => input === 'timeout: a number below zero',
  },
  {
    area: 'AbortSignal, EventTarget',
    kinds: ['written'],
    reason:
      'An event that is being dispatched is refused as InvalidStateError, as the standard says; Node throws an Error of its own.',
    matches: (input, node, ours) =>
      input === 'event: one that is on its way is refused' &&
      isDeepStrictEqual([node, ours], [['Error'], ['DOMException InvalidStateError']]),
  },
  {
    area: 'structuredClone',
    kinds: ['written'],
    reason: 'A Proxy is cloned as what it shows: the engine tells nobody that it is one.',
    matches: (input) => input === 'a proxy',
  },
  {
    area: 'atob, btoa',
    kinds: ['written'],
    reason: 'The engine’s own take a missing argument for `undefined`.',
    matches: (input) => input === 'atob, btoa: without an argument',
  },
];

/** The last entry of `operations`: the copy's pairs, without the space behind a comma at the end. */
function trimmedPairs(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/, "(?=[\],])/g, ',"'));
}

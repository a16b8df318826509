import { outcome } from '../areas/area.ts';
import type { Programs } from './programs.ts';

/** structuredClone: shapes that share, errors, transfers, and what has no clone. */

type Any = { self?: unknown };
const refused = (make: () => unknown) => () => outcome(() => structuredClone(make()) && 'cloned');

export const clonePrograms: Programs = {
  'a cycle through an object': () => {
    const a: Any = {};
    a.self = a;
    const b = structuredClone(a);
    return [b.self === b, b !== a];
  },
  'a cycle through a map and a set': () => {
    const map = new Map<unknown, unknown>();
    const set = new Set<unknown>([map]);
    map.set('set', set).set(map, 'key');
    const copy = structuredClone(map);
    const inner = copy.get('set') as Set<unknown>;
    return [inner.has(copy), copy.get(copy), inner !== set, [...copy.keys()].length];
  },
  'one object twice is one object twice': () => {
    const shared = { a: 1 };
    const [x, y] = structuredClone([shared, shared]);
    return [x === y, x !== shared];
  },
  'two views of one buffer stay so': () => {
    const buffer = new ArrayBuffer(8);
    const [a, b] = structuredClone([
      new Uint8Array(buffer, 0, 4),
      new Uint8Array(buffer, 2, 4),
    ]) as [Uint8Array, Uint8Array];
    a[2] = 9;
    return [a.buffer === b.buffer, b[0], a.buffer !== buffer];
  },
  'a view brings its whole buffer': () =>
    structuredClone(new Uint8Array(16).subarray(4, 6)).buffer.byteLength,
  'a DataView': () => {
    const copy = structuredClone(new DataView(Uint8Array.of(1, 2, 3).buffer, 1));
    return [copy instanceof DataView, copy.byteOffset, copy.getUint8(0)];
  },
  'a map keeps its order': () => [
    ...structuredClone(
      new Map([
        ['z', 1],
        ['a', 2],
      ]),
    ),
  ],
  'an error: name, message, stack, cause': () => {
    const error = new RangeError('m', { cause: { deep: [1] } });
    const copy = structuredClone(error);
    return [copy instanceof RangeError, copy.name, copy.message, typeof copy.stack, copy.cause];
  },
  'an error: own properties go': () =>
    Object.keys(structuredClone(Object.assign(new Error('m'), { code: 'E' }))),
  'an error: a name that is not known': () => {
    const error = new Error('m');
    error.name = 'Mine';
    return [
      structuredClone(error).name,
      Object.getPrototypeOf(structuredClone(error)) === Error.prototype,
    ];
  },
  'an error: a name of another kind': () => {
    const error = new Error('m');
    error.name = 'TypeError';
    return structuredClone(error) instanceof TypeError;
  },
  'an error without a message': () => Object.hasOwn(structuredClone(new Error()), 'message'),
  'an aggregate is an Error': () => {
    const copy = structuredClone(new AggregateError([1], 'm'));
    return [copy.name, 'errors' in copy];
  },
  'an error in a cycle': () => {
    const error = new Error('m') as Error & { cause: unknown };
    error.cause = error;
    const copy = structuredClone(error);
    return copy.cause === copy;
  },
  'a DOMException': () => {
    const copy = structuredClone(new DOMException('m', 'DataCloneError'));
    return [copy instanceof DOMException, copy.name, copy.message, copy.code];
  },
  'a date, a wrong date': () => [
    structuredClone(new Date(5)).getTime(),
    structuredClone(new Date(Number.NaN)).getTime(),
  ],
  'a regular expression forgets lastIndex': () => {
    const expression = /a(b)?/giu;
    expression.lastIndex = 2;
    const copy = structuredClone(expression);
    return [copy.source, copy.flags, copy.lastIndex];
  },
  'boxed values stay boxed': () =>
    [Object(1), Object('s'), Object(true), Object(2n)].map((it) => [
      typeof structuredClone(it),
      String(structuredClone(it)),
    ]),
  'holes stay holes': () => {
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is cloned
    const copy = structuredClone([1, , 3]);
    return [copy.length, 1 in copy];
  },
  'an array of a length only': () => structuredClone(new Array(3)).length,
  'class instances become plain': () => {
    class Point {
      x = 1;
      get y() {
        return 2;
      }
    }
    const copy = structuredClone(new Point());
    return [Object.getPrototypeOf(copy) === Object.prototype, copy];
  },
  'getters are called, in order': () => {
    const log: string[] = [];
    structuredClone({
      get b() {
        log.push('b');
        return 1;
      },
      get a() {
        log.push('a');
        return 2;
      },
    });
    return log;
  },
  'a getter that throws': () =>
    outcome(() =>
      structuredClone({
        get a() {
          throw new RangeError('mine');
        },
      }),
    ),
  'prototype names are kept as properties': () => {
    const copy = structuredClone(JSON.parse('{"__proto__": {"a": 1}}'));
    return [Object.keys(copy), Object.getPrototypeOf(copy) === Object.prototype];
  },
  primitives: () => [
    structuredClone(undefined),
    structuredClone(null),
    structuredClone(-0),
    structuredClone(10n),
    structuredClone('\ud800'),
  ],
  'nested a hundred deep': () => {
    let value: unknown = 'end';
    for (let i = 0; i < 100; i++) value = [value];
    let copy: unknown = structuredClone(value);
    let depth = 0;
    for (; Array.isArray(copy); depth++) copy = copy[0];
    return [depth, copy];
  },
  'a function': refused(() => () => {}),
  'a function inside': refused(() => ({ a: { b: [() => {}] } })),
  'a symbol': refused(() => Symbol('s')),
  'a symbol inside': refused(() => [Symbol.iterator]),
  'a WeakMap': refused(() => new WeakMap()),
  'a promise': refused(() => Promise.resolve()),
  'a generator': refused(() => (function* () {})()),
  'an iterator': refused(() => [][Symbol.iterator]()),
  'a proxy': refused(() => new Proxy({}, {})),
  'a Request': refused(() => new Request('http://a.test/')),
  Headers: refused(() => new Headers()),
  'a Blob': async () => {
    const copy = structuredClone(new Blob(['abc'], { type: 'a/b' }));
    return [copy instanceof Blob, copy.size, copy.type, await copy.text()];
  },
  'transfer: the buffer is taken': () => {
    const buffer = Uint8Array.of(1, 2).buffer;
    const copy = structuredClone(buffer, { transfer: [buffer] });
    return [
      buffer.byteLength,
      (buffer as ArrayBuffer & { detached: boolean }).detached,
      [...new Uint8Array(copy)],
    ];
  },
  'transfer: what is not in the value is taken too': () => {
    const buffer = new ArrayBuffer(4);
    return [structuredClone('x', { transfer: [buffer] }), buffer.byteLength];
  },
  'transfer: a view of it in the value': () => {
    const view = Uint8Array.of(1, 2, 3);
    const copy = structuredClone(view, { transfer: [view.buffer] });
    return [view.length, [...copy]];
  },
  'transfer: twice': () => {
    const buffer = new ArrayBuffer(4);
    return outcome(() => structuredClone(1, { transfer: [buffer, buffer] }));
  },
  'transfer: one that is gone': () => {
    const buffer = new ArrayBuffer(4);
    structuredClone(buffer, { transfer: [buffer] });
    return outcome(() => structuredClone(buffer, { transfer: [buffer] }));
  },
  'transfer: what cannot be': () =>
    outcome(() => structuredClone({}, { transfer: [{} as ArrayBuffer] })),
  'transfer: a refusal takes nothing': async () => {
    const buffer = new ArrayBuffer(4);
    const refusedAs = await outcome(() => structuredClone({ f: () => {} }, { transfer: [buffer] }));
    return [refusedAs, buffer.byteLength];
  },
  'a buffer that is gone cannot be cloned': () => {
    const buffer = new ArrayBuffer(4);
    structuredClone(buffer, { transfer: [buffer] });
    return outcome(() => structuredClone(buffer));
  },
  'without an argument': () => outcome(() => (structuredClone as unknown as () => unknown)()),
};

import { clonePrograms } from '../written/clone.ts';
import { runOf } from '../written/programs.ts';
import { type Area, bytesOf, errorName } from './area.ts';

/** A description of a value → the value → its clone → a description again. */

type Spec =
  | ['plain', unknown]
  | ['array', Spec[]]
  | ['sparse', number]
  | ['object' | 'proto', [string, Spec][]]
  | ['map', [Spec, Spec][]]
  | ['set', Spec[]]
  | ['date' | 'bigint' | 'number', number]
  | ['regexp', string, string]
  | ['buffer', number[]]
  | ['view', string, number[]]
  | ['error', string, string]
  | ['boxed', string | number | boolean]
  | ['blob', string]
  | ['cycle', number]
  | ['refused', string];

const VIEWS = {
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  DataView,
} as const;
const ERRORS = { Error, TypeError, RangeError, SyntaxError, EvalError } as const;

class Custom {
  kept = 1;
  get hidden(): number {
    return 2;
  }
}
const REFUSED: Record<string, () => unknown> = {
  function: () => () => {},
  symbol: () => Symbol('s'),
  weakmap: () => new WeakMap(),
  weakset: () => new WeakSet(),
  promise: () => Promise.resolve(1),
  weakref: () => new WeakRef({}),
};
const INSTANCES: Record<string, () => unknown> = {
  custom: () => new Custom(),
  arguments: () =>
    (function () {
      // biome-ignore lint/complexity/noArguments: an arguments object is what is cloned here
      return arguments;
    })(),
  null: () => Object.assign(Object.create(null), { a: 1 }),
  getter: () => Object.defineProperty({ b: 2 }, 'a', { enumerable: true, get: () => 1 }),
  hidden: () => Object.defineProperty({ b: 2 }, 'a', { enumerable: false, value: 1 }),
  symbols: () => ({ [Symbol.iterator]: 1, a: 2 }),
  domexception: () => new DOMException('m', 'AbortError'),
  extra: () => Object.assign([1, 2], { extra: 3 }),
  cause: () => new Error('a', { cause: new TypeError('b') }),
  lastIndex: () => Object.assign(/a/g, { lastIndex: 3 }),
  subclass: () => new (class Mine extends Array<number> {})(1, 2, 3),
  mapped: () => Object.assign(new Map([[1, 2]]), { extra: 3 }),
};

function make(spec: Spec, parents: object[]): unknown {
  switch (spec[0]) {
    case 'plain':
      return spec[1];
    case 'cycle':
      return parents[spec[1] % Math.max(parents.length, 1)] ?? null;
    case 'array': {
      const array: unknown[] = [];
      for (const item of spec[1]) array.push(make(item, [...parents, array]));
      return array;
    }
    case 'sparse': {
      const array = new Array(spec[1] + 2);
      array[1] = 'here';
      return array;
    }
    case 'object':
    case 'proto': {
      const object: Record<string, unknown> = spec[0] === 'proto' ? Object.create({ up: 1 }) : {};
      for (const [key, item] of spec[1]) {
        const value = make(item, [...parents, object]);
        Object.defineProperty(object, key, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return object;
    }
    case 'map': {
      const map = new Map<unknown, unknown>();
      for (const [key, item] of spec[1])
        map.set(make(key, [...parents, map]), make(item, [...parents, map]));
      return map;
    }
    case 'set': {
      const set = new Set<unknown>();
      for (const item of spec[1]) set.add(make(item, [...parents, set]));
      return set;
    }
    case 'date':
      return new Date(spec[1]);
    case 'bigint':
      return BigInt(spec[1]) ** 3n;
    case 'number':
      return [Number.NaN, Infinity, -0][spec[1] % 3];
    case 'regexp':
      return new RegExp(spec[1], spec[2]);
    case 'buffer':
      return bytesOf(spec[1]).buffer;
    case 'view': {
      const { buffer } = bytesOf(
        [...spec[2], 0, 0, 0, 0, 0, 0, 0, 0].slice(0, 16).concat(Array(16).fill(7)).slice(0, 16),
      );
      return new VIEWS[spec[1] as 'Uint8Array'](buffer, 8);
    }
    case 'error':
      return new ERRORS[spec[1] as 'Error'](spec[2]);
    case 'boxed':
      return Object(spec[1]);
    case 'blob':
      return new Blob([spec[1]], { type: 'a/b' });
    case 'refused':
      return (REFUSED[spec[1]] ?? INSTANCES[spec[1]])?.();
  }
}

/** Says everything about a value that a clone must keep, shared references included. */
function tell(value: unknown, seen: Map<object, number>): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : `${value}`;
  if (value === undefined) return '<undefined>';
  if (typeof value !== 'object' || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return `#${known}`;
  seen.set(value, seen.size);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const keys = ArrayBuffer.isView(value) ? [] : Object.keys(value);
  const own = keys.map((key) => [key, tell((value as Record<string, unknown>)[key], seen)]);
  return [
    kind,
    Object.getPrototypeOf(value)?.constructor?.name ?? null,
    own,
    ...inside(value, seen),
  ];
}

function inside(value: object, seen: Map<object, number>): unknown[] {
  if (Array.isArray(value)) return [value.length];
  if (value instanceof Map) return [[...value].map(([k, v]) => [tell(k, seen), tell(v, seen)])];
  if (value instanceof Set) return [[...value].map((item) => tell(item, seen))];
  if (value instanceof Date) return [`${value.getTime()}`];
  if (value instanceof RegExp) return [value.source, value.flags, value.lastIndex];
  if (value instanceof ArrayBuffer) return [[...new Uint8Array(value)]];
  if (ArrayBuffer.isView(value)) {
    return [value.byteOffset, value.byteLength, tell(value.buffer, seen)];
  }
  if (value instanceof Error) return [value.name, value.message, tell(value.cause, seen)];
  if (value instanceof Blob) return [value.size, value.type];
  if (value instanceof Boolean || value instanceof Number || value instanceof String) {
    return [value.valueOf()];
  }
  return [];
}

export const clone: Area = {
  written: runOf(clonePrograms),
  value: (spec: Spec) => {
    const value = make(spec, []);
    const copy = structuredClone(value);
    const fresh = typeof value !== 'object' || value === null || copy !== value;
    return [tell(copy, new Map()), fresh];
  },
  special: (spec: Spec) => tell(structuredClone(make(spec, [])), new Map()),
  transfer: (bytes: number[]) => {
    const { buffer } = bytesOf(bytes);
    const view = new Uint8Array(buffer);
    const copy = structuredClone({ buffer, view }, { transfer: [buffer] });
    return [buffer.byteLength, view.length, [...copy.view], copy.view.buffer === copy.buffer];
  },
  transferWrong: (kind: string) => {
    try {
      const item = kind === 'twice' ? new ArrayBuffer(1) : ({} as ArrayBuffer);
      return structuredClone(1, { transfer: kind === 'twice' ? [item, item] : [item] });
    } catch (error) {
      return errorName(error);
    }
  },
};

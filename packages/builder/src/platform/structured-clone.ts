import { Blob, File } from './blob.ts';

/** structuredClone: plain data, the standard's built-in kinds, cycles; transfer moves ArrayBuffers. */

const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const BOXES = [Boolean, Number, String, BigInt] as const;

const refuse = (value: unknown): never => {
  throw new DOMException(`${describe(value)} could not be cloned`, 'DataCloneError');
};

const describe = (value: unknown): string => {
  if (typeof value === 'symbol') return value.toString();
  return typeof value === 'function'
    ? `function ${value.name}`
    : Object.prototype.toString.call(value);
};

export function structuredClone<T>(value: T, options?: { transfer?: unknown[] }): T {
  // biome-ignore lint/complexity/noArguments: `undefined` has a clone, nothing has none
  if (arguments.length === 0) throw new TypeError('structuredClone needs a value');
  const seen = new Map<object, object>();
  const moved: ArrayBuffer[] = [];
  for (const item of options?.transfer ?? []) {
    if (!(item instanceof ArrayBuffer) || item.detached || moved.includes(item)) refuse(item);
    moved.push(item as ArrayBuffer);
  }
  const copy = clone(value, seen) as T;
  // Only now: views are measured while they still have their memory.
  for (const buffer of moved) buffer.transfer();
  return copy;
}

function clone(value: unknown, seen: Map<object, object>): unknown {
  if (typeof value === 'symbol' || typeof value === 'function') return refuse(value);
  if (typeof value !== 'object' || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  const copy = shell(value, seen);
  seen.set(value, copy);
  if (value instanceof Map) {
    for (const [key, item] of [...value])
      (copy as typeof value).set(clone(key, seen), clone(item, seen));
  } else if (value instanceof Set) {
    for (const item of [...value]) (copy as typeof value).add(clone(item, seen));
  } else if (value instanceof Error) {
    if (Object.hasOwn(value, 'cause')) {
      define(copy, 'cause', clone(value.cause, seen), false);
    }
  } else if (Array.isArray(value) || isPlain(value)) {
    for (const key of Object.keys(value)) {
      const item = clone((value as Record<string, unknown>)[key], seen);
      // Assigned, it would be the copy's prototype.
      if (key === '__proto__') define(copy, key, item, true);
      else (copy as Record<string, unknown>)[key] = item;
    }
  }
  return copy;
}

function define(target: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true });
}

const isPlain = (value: object): boolean =>
  Object.prototype.toString.call(value) === '[object Object]';

/** The copy without what it holds: known to cycles before they come back to it. */
function shell(value: object, seen: Map<object, object>): object {
  if (Array.isArray(value)) return new Array(value.length);
  if (value instanceof Date) return new Date(value.getTime());
  if (value instanceof RegExp) return new RegExp(value.source, value.flags);
  if (value instanceof Map) return new Map();
  if (value instanceof Set) return new Set();
  if (value instanceof ArrayBuffer) return value.detached ? refuse(value) : value.slice(0);
  if (ArrayBuffer.isView(value)) return cloneView(value, seen);
  if (value instanceof File) {
    return new File([value], value.name, { type: value.type, lastModified: value.lastModified });
  }
  if (value instanceof Blob) return value.slice(0, value.size, value.type);
  if (value instanceof DOMException) return new DOMException(value.message, value.name);
  if (value instanceof Error) {
    const copy = new (ERRORS[value.name] ?? Error)(value.message);
    if (!Object.hasOwn(value, 'message')) Reflect.deleteProperty(copy, 'message');
    if (value.stack !== undefined) {
      define(copy, 'stack', value.stack, false);
    }
    return copy;
  }
  if (BOXES.some((box) => value instanceof box)) return Object(value.valueOf());
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef)
    refuse(value);
  if (value instanceof Promise || !isPlain(value)) refuse(value);
  return {};
}

function cloneView(view: ArrayBufferView, seen: Map<object, object>): object {
  const buffer = clone(view.buffer, seen) as ArrayBuffer;
  const Kind = view.constructor as new (b: ArrayBuffer, at: number, length: number) => object;
  const length = view instanceof DataView ? view.byteLength : (view as Uint8Array).length;
  return new Kind(buffer, view.byteOffset, length);
}

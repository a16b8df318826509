import { Headers } from '../headers.ts';
import { Request } from '../request.ts';
import { Response } from '../response.ts';
import { URL } from '../url.ts';
import { URLSearchParams } from '../url-search-params.ts';
import { type Inspection, quote } from './inspection.ts';

/** Objects for inspect: never runs an author's getter, never throws. */

const ITEMS_MAX = 100;
const LINE_LENGTH_MAX = 72;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

export function inspectObject(value: object, inspection: Inspection): string {
  if (inspection.seen.includes(value)) return '[Circular *1]';
  inspection.seen.push(value);
  inspection.depth++;
  try {
    return show(value, inspection);
  } catch {
    return '[Object that cannot be shown]';
  } finally {
    inspection.depth--;
    inspection.seen.pop();
  }
}

function show(value: object, inspection: Inspection): string {
  const name = constructorName(value);
  if (typeof value === 'function') {
    const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'Function';
    const label =
      value.name === ''
        ? `[${kind} (anonymous)]`
        : `[${kind}${kind === 'class' ? ' ' : ': '}${value.name}]`;
    const own = properties(value, inspection);
    return own.length === 0 ? label : wrap(`${label} `, own, '{', '}');
  }
  if (value instanceof Error) return showError(value, inspection);
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  }
  if (value instanceof RegExp) return value.toString();
  if (value instanceof Promise) return 'Promise {}';
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return `[${name}: ${inspection.inspectValue(value.valueOf(), inspection)}]`;
  }
  if (inspection.depth > inspection.depthMax + 1) {
    return Array.isArray(value) ? '[Array]' : `[${name === '' ? 'Object: null prototype' : name}]`;
  }
  return showContents(value, name, inspection);
}

function showContents(value: object, name: string, inspection: Inspection): string {
  const inner = (item: unknown): string => inspection.inspectValue(item, inspection);
  if (Array.isArray(value)) {
    const label = name === 'Array' ? '' : `${name}(${value.length}) `;
    return wrap(label, items(value, value.length, inner), '[', ']');
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const array = value as Uint8Array;
    return wrap(`${name}(${array.length}) `, items(array, array.length, inner), '[', ']');
  }
  if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
  if (value instanceof Set) {
    return wrap(`${name}(${value.size}) `, items(value, value.size, inner), '{', '}');
  }
  if (value instanceof Map) {
    const pair = ([key, item]: [unknown, unknown]): string => `${inner(key)} => ${inner(item)}`;
    return wrap(`${name}(${value.size}) `, items(value, value.size, pair), '{', '}');
  }
  if (value instanceof Headers || value instanceof URLSearchParams) {
    const pair = ([key, item]: [string, string]): string => `${quote(key)} => ${quote(item)}`;
    return wrap(`${name} `, items(value.entries(), ITEMS_MAX, pair), '{', '}');
  }
  if (value instanceof URL) return `URL { href: ${quote(value.href)} }`;
  if (value instanceof Request) {
    return wrap(
      'Request ',
      [`method: ${quote(value.method)}`, `url: ${quote(value.url)}`],
      '{',
      '}',
    );
  }
  if (value instanceof Response) {
    return wrap(
      'Response ',
      [`status: ${value.status}`, `headers: ${inner(value.headers)}`],
      '{',
      '}',
    );
  }
  const label = name === 'Object' ? '' : name === '' ? '[Object: null prototype] ' : `${name} `;
  return wrap(label, properties(value, inspection), '{', '}');
}

function constructorName(value: object): string {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
    if (typeof found === 'function' && found.name !== '') return found.name;
  }
  return '';
}

function showError(error: Error, inspection: Inspection): string {
  const title = error.message === '' ? error.name : `${error.name}: ${error.message}`;
  const stack = typeof error.stack === 'string' ? error.stack.trimEnd() : '';
  const text = stack === '' ? `[${title}]` : stack.startsWith(title) ? stack : `${title}\n${stack}`;
  const skip = ['stack', 'message', 'name'];
  // As Node does it; a chain of causes is as long as somebody likes to make it.
  if (inspection.depth > inspection.depthMax + 1) {
    const more = Reflect.ownKeys(error).some((key) => isShown(error, key, skip));
    return more ? `[${constructorName(error)}]` : text;
  }
  const own = properties(error, inspection, skip);
  return own.length === 0 ? text : `${text} ${wrap('', own, '{', '}')}`;
}

function isShown(value: object, key: string | symbol, skip: readonly string[]): boolean {
  const isCause = key === 'cause' && value instanceof Error;
  const isEnumerable = Object.prototype.propertyIsEnumerable.call(value, key);
  return (isEnumerable || isCause) && !skip.includes(key as string);
}

function properties(value: object, inspection: Inspection, skip: string[] = []): string[] {
  const shown: string[] = [];
  for (const key of Reflect.ownKeys(value)) {
    const property = Reflect.getOwnPropertyDescriptor(value, key);
    if (property === undefined || !isShown(value, key, skip)) continue;
    if (shown.length === ITEMS_MAX) {
      shown.push('... more items');
      break;
    }
    const name =
      typeof key === 'symbol' ? `[${String(key)}]` : IDENTIFIER.test(key) ? key : quote(key);
    const getter = property.set ? '[Getter/Setter]' : '[Getter]';
    shown.push(
      `${name}: ${'value' in property ? inspection.inspectValue(property.value, inspection) : getter}`,
    );
  }
  return shown;
}

function items<T>(from: Iterable<T>, length: number, item: (value: T) => string): string[] {
  const shown: string[] = [];
  for (const value of from) {
    if (shown.length === ITEMS_MAX) {
      shown.push(`... ${length - ITEMS_MAX} more items`);
      break;
    }
    shown.push(item(value));
  }
  return shown;
}

function wrap(label: string, parts: string[], open: string, close: string): string {
  if (parts.length === 0) return `${label}${open}${close}`;
  const line = `${label}${open} ${parts.join(', ')} ${close}`;
  if (line.length <= LINE_LENGTH_MAX && !line.includes('\n')) return line;
  const indented = parts.map((part) => `  ${part.replaceAll('\n', '\n  ')}`);
  return `${label}${open}\n${indented.join(',\n')}\n${close}`;
}

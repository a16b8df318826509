import { inspectObject } from './inspect-object.ts';
import { type Inspection, quote } from './inspection.ts';

/** Values as text, in node's manner: what a person looks for in a log. */

const DEPTH_MAX = 2;
export const inspect = (value: unknown, depthMax = DEPTH_MAX): string =>
  inspectValue(value, { depth: 0, depthMax, seen: [], inspectValue });

function inspectValue(value: unknown, inspection: Inspection): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'bigint':
      return `${value}n`;
    case 'number':
      return Object.is(value, -0) ? '-0' : `${value}`;
    case 'object':
    case 'function':
      return value === null ? 'null' : inspectObject(value, inspection);
    default:
      return String(value);
  }
}

/** console.log's arguments: `%s %d %i %f %j %o %O %c %%` in the first, the rest after spaces. */
export function format(args: readonly unknown[]): string {
  const [first] = args;
  let next = 0;
  let text = '';
  if (typeof first === 'string') {
    next = 1;
    text =
      args.length === 1
        ? first
        : first.replace(/%[sdifjoOc%]/g, (code) => {
            if (code === '%%') return '%';
            if (next >= args.length) return code;
            return substitute(code, args[next++]);
          });
  }
  for (; next < args.length; next++) {
    const value = args[next];
    text += `${next === 0 ? '' : ' '}${typeof value === 'string' ? value : inspect(value)}`;
  }
  return text;
}

function substitute(code: string, value: unknown): string {
  if (code === '%c') return '';
  if (code === '%j') return JSON.stringify(value) ?? 'undefined';
  if (code === '%o' || code === '%O') return inspect(value, 4);
  if (code === '%s') return typeof value === 'string' ? value : inspect(value, 0);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol' || typeof value === 'object') return 'NaN';
  if (code === '%i') return `${Number.parseInt(`${value}`, 10)}`;
  return `${code === '%f' ? Number.parseFloat(`${value}`) : Number(value)}`;
}

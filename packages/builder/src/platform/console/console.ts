import { performance } from '../clock.ts';
import { host, running } from '../host.ts';
import { format, inspect } from './inspect.ts';
import { table } from './table.ts';

/** console, to the function's log. What is logged at build time is dropped: there is nobody to read it. */

type Level = 'debug' | 'info' | 'warn' | 'error';

let indent = '';
const counts = new Map<string, number>();
const timers = new Map<string, number>();

function write(level: Level, text: string): void {
  if (!running) return;
  const line = indent === '' ? text : indent + text.replaceAll('\n', `\n${indent}`);
  host.log(level, line.toWellFormed());
}

const at =
  (level: Level) =>
  (...args: unknown[]): void => {
    if (running) write(level, format(args));
  };

const log = at('info');

function elapsed(label: string): string | undefined {
  const start = timers.get(label);
  return start === undefined ? undefined : `${label}: ${(performance.now() - start).toFixed(0)}ms`;
}

export const console = {
  log,
  info: log,
  debug: at('debug'),
  warn: at('warn'),
  error: at('error'),
  trace(...args: unknown[]): void {
    const stack = new Error().stack?.split('\n').slice(1).join('\n') ?? '';
    write('debug', `Trace: ${format(args)}\n${stack}`.trimEnd());
  },
  assert(condition: unknown, ...args: unknown[]): void {
    if (!condition)
      write('error', `Assertion failed${args.length === 0 ? '' : `: ${format(args)}`}`);
  },
  dir(value: unknown): void {
    write('info', inspect(value));
  },
  table(data: unknown, columns?: string[]): void {
    write('info', table(data, columns) ?? format([data]));
  },
  count(label = 'default'): void {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    write('info', `${label}: ${count}`);
  },
  countReset(label = 'default'): void {
    counts.delete(label);
  },
  time(label = 'default'): void {
    timers.set(label, performance.now());
  },
  timeLog(label = 'default', ...args: unknown[]): void {
    const text = elapsed(label);
    if (text !== undefined) write('info', format([text, ...args]));
  },
  timeEnd(label = 'default'): void {
    const text = elapsed(label);
    timers.delete(label);
    if (text !== undefined) write('info', text);
  },
  group(...args: unknown[]): void {
    if (args.length > 0) log(...args);
    indent += '  ';
  },
  groupCollapsed(...args: unknown[]): void {
    console.group(...args);
  },
  groupEnd(): void {
    indent = indent.slice(2);
  },
  clear(): void {},
  dirxml(...args: unknown[]): void {
    log(...args);
  },
};

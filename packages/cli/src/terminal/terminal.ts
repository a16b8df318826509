import { stripVTControlCharacters, styleText } from 'node:util';
import { neutraliseLine } from './neutralise.ts';

/**
 * Where commands write. Results go to standard output, everything said on the
 * way to standard error, so that a pipe gets the result alone. Colours only
 * where a terminal shows them (NO_COLOR is honoured).
 */

type Style = Parameters<typeof styleText>[0];

export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface TerminalOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly json: boolean;
}

export class Terminal {
  readonly json: boolean;
  /** Whether lines on standard error may be rewritten in place. */
  readonly live: boolean;
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #colours: { readonly stdout: boolean; readonly stderr: boolean };

  constructor({ stdout, stderr, env, json }: TerminalOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.json = json;
    const dumb = env.TERM === 'dumb';
    const allowed = (env.NO_COLOR ?? '') === '' && !dumb;
    this.#colours = {
      stdout: allowed && stdout.isTTY === true,
      stderr: allowed && stderr.isTTY === true,
    };
    this.live = stderr.isTTY === true && !dumb && !json;
  }

  get columns(): number {
    return this.#stderr.columns ?? 100;
  }

  style(style: Style, text: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    return this.#colours[stream] ? styleText(style, text, { validateStream: false }) : text;
  }

  /** A line of the result. */
  print(line = ''): void {
    this.#stdout.write(`${line}\n`);
  }

  /** The result with `--json`: one line, complete. */
  printJson(value: unknown): void {
    this.#stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Said on the way; nothing with `--json`. */
  say(line = ''): void {
    if (!this.json) this.#stderr.write(`${line}\n`);
  }

  warn(message: string): void {
    this.#stderr.write(`${this.style('yellow', 'warning:', 'stderr')} ${message}\n`);
  }

  /** Raw control of the terminal; only where `live`. */
  control(text: string): void {
    if (this.live) this.#stderr.write(text);
  }

  table(header: readonly string[], rows: readonly (readonly string[])[]): void {
    const [titles = '', ...lines] = tableLines(header, rows);
    this.print(this.style('dim', titles));
    for (const line of lines) this.print(line);
  }
}

const width = (text: string): number => [...stripVTControlCharacters(text)].length;

/** Aligned columns; cells are made safe for a terminal. */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const safe = rows.map((row) => row.map(neutraliseLine));
  const widths = header.map((title, column) =>
    Math.max(width(title), ...safe.map((row) => width(row[column] ?? ''))),
  );
  return [header, ...safe].map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - width(cell)),
      )
      .join('  ')
      .trimEnd(),
  );
}

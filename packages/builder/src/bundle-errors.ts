import { isBuiltin } from 'node:module';
import { PopmeshError } from '@popmesh/contracts';
import type { Message, PartialMessage } from 'esbuild';

/** esbuild's messages to ours: `file:line:column: text`, the line itself and a pointer under it. */

const MESSAGES_SHOWN_MAX = 5;
const LINE_SHOWN_MAX = 160;

const UNRESOLVED = /^Could not resolve "([^"]+)"/;

export function bundleError(caught: unknown, main: string): PopmeshError {
  const messages = (caught as { errors?: Message[] } | null)?.errors;
  if (!Array.isArray(messages) || messages.length === 0) {
    return PopmeshError.from(caught, 'build_failed');
  }
  const shown = messages.slice(0, MESSAGES_SHOWN_MAX).map(describe);
  if (messages.length > shown.length) shown.push(`… and ${messages.length - shown.length} more`);
  const location = messages[0]?.location;
  const hint = messages.map(hintFor).find((text) => text !== undefined);
  return new PopmeshError('build_failed', shown.join('\n\n'), {
    ...(hint === undefined ? {} : { hint }),
    details: {
      file: location?.file ?? main,
      ...(location ? { line: location.line, column: location.column + 1 } : {}),
    },
  });
}

export const warningLine = (message: Message): string => `${place(message)}${message.text}`;

function describe(message: Message): string {
  return `${place(message)}${textOf(message)}${codeFrame(message)}`;
}

const place = ({ location }: Pick<Message, 'location'>): string =>
  location ? `${location.file}:${location.line}:${location.column + 1}: ` : '';

const unresolved = (message: Message): string | undefined => UNRESOLVED.exec(message.text)?.[1];

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

function textOf(message: Message): string {
  const specifier = unresolved(message);
  if (specifier === undefined) return message.text;
  if (isBuiltin(specifier)) {
    return `"${specifier}" is part of Node.js and is not there in a function`;
  }
  if (specifier.startsWith('.') || specifier.startsWith('/'))
    return `there is no file "${specifier}"`;
  return `the package "${packageName(specifier)}" is not installed`;
}

function hintFor(message: Message): string | undefined {
  const specifier = unresolved(message);
  if (specifier === undefined) return message.notes[0]?.text;
  if (isBuiltin(specifier)) {
    return 'Functions have the Web APIs (fetch, crypto, streams, URL, TextEncoder): use those, or a package that does.';
  }
  if (specifier.startsWith('.') || specifier.startsWith('/')) return undefined;
  return `Run \`npm install ${packageName(specifier)}\` in the function's folder.`;
}

/** The line of source with a pointer; long (minified) lines are cut around the place. */
export function codeFrame({ location }: Pick<PartialMessage, 'location'>): string {
  if (!location || location.lineText === undefined || location.line === undefined) return '';
  const column = location.column ?? 0;
  const from = Math.max(0, column - LINE_SHOWN_MAX / 2);
  const line = location.lineText.slice(from, from + LINE_SHOWN_MAX).replaceAll('\t', ' ');
  const gutter = `${location.line}`;
  const width = Math.max(1, Math.min(location.length ?? 1, line.length - (column - from)));
  return `\n\n  ${gutter} | ${line}\n  ${' '.repeat(gutter.length)} | ${' '.repeat(column - from)}${'^'.repeat(width)}`;
}

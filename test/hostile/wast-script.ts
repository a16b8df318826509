/**
 * Reads the script language of the WebAssembly specification's tests as far as its lists go: the
 * modules in it are left to a parser of the text format. A script is read as Latin-1, so that a
 * string has the bytes that stand in the file, UTF-8 or not.
 */

export type Expression = Token | List;
export interface Token {
  readonly text: string;
  /** What a string says; undefined for any other token. */
  readonly bytes?: Buffer;
}
export interface List {
  readonly items: readonly Expression[];
  /** Where it begins in the script, and where the next thing does. */
  readonly start: number;
  readonly end: number;
}

export const isList = (expression: Expression | undefined): expression is List =>
  expression !== undefined && 'items' in expression;

/** A token that is no string; empty for anything else. */
export const wordOf = (expression: Expression | undefined): string =>
  isList(expression) || expression?.bytes !== undefined ? '' : (expression?.text ?? '');

/** Its strings, one after the other. */
export const stringsOf = (expressions: readonly Expression[]): Buffer =>
  Buffer.concat(expressions.map((it) => (isList(it) ? undefined : it.bytes) ?? Buffer.of()));

const TOKEN = /;;[^\n]*|\(;|"(?:\\.|[^"\\])*"|[()]|[^\s()";]+/gs;
/** Within a comment only nested ones are looked for: the rest of it may be anything. */
const COMMENT = /\(;|;\)/g;

/** The lists at the top level. */
export function readScript(source: string): List[] {
  const root: Expression[] = [];
  const open: { items: Expression[]; start: number }[] = [];
  const add = (expression: Expression): void => {
    (open.at(-1)?.items ?? root).push(expression);
  };
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(source); match !== null; match = TOKEN.exec(source)) {
    const [text] = match;
    if (text.startsWith(';;')) continue;
    if (text === '(;') TOKEN.lastIndex = endOfComment(source, match.index);
    else if (text === '(') open.push({ items: [], start: match.index });
    else if (text === ')') {
      const closed = open.pop();
      if (closed === undefined) throw new Error(`a ) too many at ${match.index}`);
      add({ ...closed, end: TOKEN.lastIndex });
    } else if (text.startsWith('"')) add({ text, bytes: bytesOf(text.slice(1, -1)) });
    else add({ text });
  }
  if (open.length > 0) throw new Error(`a ( too many at ${open[0]?.start}`);
  return root.filter(isList);
}

function endOfComment(source: string, start: number): number {
  COMMENT.lastIndex = start;
  let depth = 0;
  for (let match = COMMENT.exec(source); match !== null; match = COMMENT.exec(source)) {
    depth += match[0] === '(;' ? 1 : -1;
    if (depth === 0) return COMMENT.lastIndex;
  }
  return source.length;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function bytesOf(quoted: string): Buffer {
  const said = quoted.replaceAll(
    /\\(?:u\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2})|(.))/gs,
    (_, point: string | undefined, byte: string | undefined, other: string) => {
      if (point !== undefined) {
        return Buffer.from(String.fromCodePoint(Number.parseInt(point, 16))).toString('latin1');
      }
      if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16));
      return ESCAPES[other] ?? other;
    },
  );
  return Buffer.from(said, 'latin1');
}

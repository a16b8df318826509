/**
 * Core modules that break one rule of the WebAssembly specification's binary format each: the
 * rules behind its own assert_malformed files (header, sections, LEB128, UTF-8, counts, flags),
 * with bytes of our own, for what that suite of 2018 (`spec-suite.ts`) does not know. V8 is the
 * witness that each is wrong (`malformed.test.ts`), so that no case is refused for another reason
 * than it says.
 */
import {
  coreModule,
  leb,
  section,
  text,
} from '../../packages/runtime/src/testing/component-bytes.ts';

export interface BrokenModule {
  readonly name: string;
  readonly bytes: readonly number[];
}

export const one = (...body: number[]): number[] => [1, ...leb(body.length), ...body];
export const PLAIN = section(1, [1, 0x60, 0, 0]);
export const DECLARED = section(3, [1, 0]);
/** A code section of one function without locals. */
export const body = (...code: number[]): number[] => section(10, one(0, ...code, 0x0b));
export const MEMORY = section(5, [1, 0, 1]);
export const TABLE = section(4, [1, 0x70, 0, 1]);
/** A function that takes and gives nothing and does `code`, after `before` the code section. */
export const doing = (code: readonly number[], ...before: number[][]): number[] =>
  coreModule(PLAIN, DECLARED, ...before, body(...code));

const MAGIC = [0x00, 0x61, 0x73, 0x6d];

const headers = (): BrokenModule[] =>
  (
    [
      ['nothing', []],
      ['one byte', [0]],
      ['half a magic', [0x00, 0x61]],
      ['a magic alone', MAGIC],
      ['half a version', [...MAGIC, 1, 0]],
      ['a magic in capitals', [0x00, 0x41, 0x53, 0x4d, 1, 0, 0, 0]],
      ['a magic backwards', [0x6d, 0x73, 0x61, 0x00, 1, 0, 0, 0]],
      ['a magic without its zero', [0x61, 0x73, 0x6d, 1, 0, 0, 0, 0]],
      ['a byte order mark before it', [0xef, 0xbb, 0xbf, ...MAGIC, 1, 0, 0, 0]],
      ['version 0', [...MAGIC, 0, 0, 0, 0]],
      ['version 2', [...MAGIC, 2, 0, 0, 0]],
      ['version 13', [...MAGIC, 13, 0, 0, 0]],
      ['version 1, big end first', [...MAGIC, 0, 0, 0, 1]],
      ['version 1 of layer 1', [...MAGIC, 1, 0, 1, 0]],
    ] as const
  ).map(([what, bytes]) => ({ name: `header: ${what}`, bytes }));

/** One of each section that is empty, and right in that. */
const EMPTY = [1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11].map((id) => section(id, [0]));

const sections = (): BrokenModule[] => {
  const list: BrokenModule[] = [];
  const add = (what: string, ...parts: number[][]) =>
    list.push({ name: `sections: ${what}`, bytes: coreModule(...parts) });
  for (const id of [14, 15, 63, 127, 128, 255]) add(`id ${id}`, section(id, [0]));
  for (const empty of EMPTY) {
    const id = empty[0] as number;
    add(`${id} twice`, empty, empty);
    add(`${id} with a byte too many`, section(id, [0, 0]));
    add(`${id} without its count`, section(id, []));
    add(`${id} longer than the file`, [id, 2, 0]);
  }
  EMPTY.slice(1).forEach((later, at) => {
    const earlier = EMPTY[at] as number[];
    add(`${later[0]} before ${earlier[0]}`, later, earlier);
  });
  add('an id and no size', [1]);
  add('a custom one without a name', section(0, []));
  add('a custom one whose name is longer', section(0, [5, 97]));
  add('a custom one longer than the file', [0, 9, 1, 97]);
  add('a start twice', PLAIN, DECLARED, section(8, [0]), section(8, [0]), body());
  add('a start with a byte too many', PLAIN, DECLARED, section(8, [0, 0]), body());
  return list;
};

/** Where the format wants a u32; `at` puts the number's bytes into an otherwise good module. */
const NUMBERS: readonly (readonly [string, (at: number[]) => number[][]])[] = [
  ['count of types', (at) => [section(1, [...at])]],
  ['count of parameters', (at) => [section(1, [1, 0x60, ...at, 0])]],
  ['count of imports', (at) => [section(2, [...at])]],
  ['length of a name', (at) => [PLAIN, section(2, [1, ...at, 1, 97, 0, 0])]],
  ['count of functions', (at) => [section(3, [...at])]],
  ['type of a function', (at) => [PLAIN, section(3, [1, ...at]), body()]],
  ['least entries of a table', (at) => [section(4, [1, 0x70, 0, ...at])]],
  ['least pages of a memory', (at) => [section(5, [1, 0, ...at])]],
  ['count of globals', (at) => [section(6, [...at])]],
  ['count of exports', (at) => [section(7, [...at])]],
  ['index of an export', (at) => [PLAIN, DECLARED, section(7, [1, 1, 97, 0, ...at]), body()]],
  ['start', (at) => [PLAIN, DECLARED, section(8, [...at]), body()]],
  ['count of elements', (at) => [section(9, [...at])]],
  ['count of data', (at) => [section(12, [...at])]],
  ['count of bodies', (at) => [section(10, [...at])]],
  ['size of a body', (at) => [PLAIN, DECLARED, section(10, [1, ...at, 0, 0x0b])]],
  ['count of locals', (at) => [PLAIN, DECLARED, section(10, one(...at, 0x0b))]],
  ['called function', (at) => [PLAIN, DECLARED, body(0x10, ...at)]],
  ['depth of a branch', (at) => [PLAIN, DECLARED, body(0x0c, ...at)]],
];

const numbers = (): BrokenModule[] =>
  NUMBERS.flatMap(([what, make]) => [
    { name: `LEB128: ${what} in six bytes`, bytes: coreModule(...make(SIX_BYTES)) },
    { name: `LEB128: ${what} with bits above 32`, bytes: coreModule(...make(ABOVE_32)) },
  ]);
const SIX_BYTES = [0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
const ABOVE_32 = [0x80, 0x80, 0x80, 0x80, 0x10];

const signedNumbers = (): BrokenModule[] =>
  (
    [
      ['i32 in six bytes', [0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
      ['i32 below zero in six bytes', [0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
      ['i32 with a sign that does not repeat', [0x41, 0x80, 0x80, 0x80, 0x80, 0x70]],
      ['i32 with bits above 32', [0x41, 0xff, 0xff, 0xff, 0xff, 0x0f]],
      ['i64 in eleven bytes', [0x42, ...new Array(10).fill(0x80), 0x00]],
      ['i64 with bits above 64', [0x42, ...new Array(9).fill(0xff), 0x01]],
      ['i64 with a sign that does not repeat', [0x42, ...new Array(9).fill(0x80), 0x7e]],
      ['i32 without end', [0x41, 0x80, 0x80, 0x80]],
    ] as [string, number[]][]
  ).map(([what, code]) => ({ name: `LEB128: ${what}`, bytes: doing([...code, 0x1a]) }));

/** Every way not to be UTF-8: lone and missing continuations, overlong forms, surrogates, too large. */
const NOT_UTF8: readonly number[][] = [
  [0x80],
  [0xbf],
  [0x80, 0x80],
  [0xc2],
  [0xc2, 0x2e],
  [0xc0, 0x80],
  [0xc1, 0xbf],
  [0xe1, 0x80],
  [0xe1, 0x80, 0x2e],
  [0xe0, 0x80, 0x80],
  [0xe0, 0x9f, 0xbf],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xf1, 0x80, 0x80],
  [0xf0, 0x80, 0x80, 0x80],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
  [0xfe],
  [0xff, 0xfe],
];

const utf8 = (): BrokenModule[] =>
  NOT_UTF8.flatMap((bytes) => {
    const name = [bytes.length, ...bytes];
    const shown = Buffer.from(bytes).toString('hex');
    return [
      {
        name: `UTF-8: import from ${shown}`,
        bytes: [PLAIN, section(2, [1, ...name, 1, 97, 0, 0])],
      },
      { name: `UTF-8: import ${shown}`, bytes: [PLAIN, section(2, [1, 1, 97, ...name, 0, 0])] },
      {
        name: `UTF-8: export ${shown}`,
        bytes: [PLAIN, DECLARED, section(7, [1, ...name, 0, 0]), body()],
      },
    ].map((it) => ({ name: it.name, bytes: coreModule(...it.bytes) }));
  });

const counts = (): BrokenModule[] => {
  const list: BrokenModule[] = [];
  const add = (what: string, ...parts: number[][]) =>
    list.push({ name: `counts: ${what}`, bytes: coreModule(...parts) });
  add('two types, one there', section(1, [2, 0x60, 0, 0]));
  add('one type, two there', section(1, [1, 0x60, 0, 0, 0x60, 0, 0]));
  add('two imports, one there', PLAIN, section(2, [2, ...text('a'), ...text('b'), 0, 0]));
  add('no import, one there', PLAIN, section(2, [0, ...text('a'), ...text('b'), 0, 0]));
  add('two functions, one there', PLAIN, section(3, [2, 0]), body());
  add('one function, two there', PLAIN, section(3, [1, 0, 0]), body());
  add('two tables, one there', section(4, [2, 0x70, 0, 1]));
  add('no memory, one there', section(5, [0, 0, 1]));
  add('two globals, one there', section(6, [2, 0x7f, 0, 0x41, 0, 0x0b]));
  add('one global, two there', section(6, [1, 0x7f, 0, 0x41, 0, 0x0b, 0x7f, 0, 0x41, 0, 0x0b]));
  add('two exports, one there', MEMORY, section(7, [2, ...text('a'), 2, 0]));
  add('no export, one there', MEMORY, section(7, [0, ...text('a'), 2, 0]));
  add('two elements, one there', TABLE, section(9, [2, 0, 0x41, 0, 0x0b, 0]));
  add('two bodies, one there', PLAIN, section(3, [2, 0, 0]), section(10, [2, 2, 0, 0x0b]));
  add('a body more than functions', PLAIN, DECLARED, section(10, [2, 2, 0, 0x0b, 2, 0, 0x0b]));
  add('functions and no bodies', PLAIN, DECLARED);
  add('bodies and no functions', PLAIN, body());
  add('two data, one there', MEMORY, section(11, [2, 0, 0x41, 0, 0x0b, 0]));
  add('data counted, none there', MEMORY, section(12, [1]));
  add('less data counted than there', MEMORY, section(12, [0]), section(11, [1, 1, 0]));
  add('data that is shorter than it says', MEMORY, section(11, [1, 1, 3, 97]));
  add('a branch table shorter than it says', PLAIN, DECLARED, body(0x41, 0, 0x0e, 9, 0));
  add('more locals than 2^32', PLAIN, DECLARED, section(10, one(2, ...MANY, ...MANY, 0x0b)));
  add('a body shorter than its code', PLAIN, DECLARED, section(10, [1, 2, 0, 0x01, 0x0b]));
  add('a body longer than its code', PLAIN, DECLARED, section(10, [1, 4, 0, 0x0b, 0x0b, 0x0b]));
  add('a body without end', PLAIN, DECLARED, section(10, one(0, 0x01)));
  return list;
};
const MANY = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f];

const flags = (): BrokenModule[] => {
  const list: BrokenModule[] = [];
  const add = (what: string, ...parts: number[][]) =>
    list.push({ name: `flags: ${what}`, bytes: coreModule(...parts) });
  for (const form of [0x00, 0x41, 0x7f]) add(`type form ${form}`, section(1, [1, form, 0, 0]));
  for (const type of [0x00, 0x17, 0x40, 0x60]) {
    add(`parameter type ${type}`, section(1, [1, 0x60, 1, type, 0]));
    add(`local type ${type}`, PLAIN, DECLARED, section(10, one(1, 1, type, 0x0b)));
  }
  for (const kind of [5, 6, 0x7f, 0x80, 0xff]) {
    add(`import kind ${kind}`, PLAIN, section(2, [1, 1, 97, 1, 97, kind, 0]));
    add(`export kind ${kind}`, MEMORY, section(7, [1, 1, 97, kind, 0]));
  }
  for (const mutability of [2, 3, 0xff]) {
    add(`mutability ${mutability}`, section(6, [1, 0x7f, mutability, 0x41, 0, 0x0b]));
    add(
      `mutability of an import ${mutability}`,
      section(2, [1, 1, 97, 1, 98, 3, 0x7f, mutability]),
    );
  }
  for (const limits of [0x20, 0x40, 0x81]) {
    add(`limits ${limits} of a table`, section(4, [1, 0x70, limits, 1, 1]));
    add(`limits ${limits} of a memory`, section(5, [1, limits, 1, 1]));
  }
  for (const type of [0x7f, 0x7b, 0x00]) add(`a table of ${type}`, section(4, [1, type, 0, 1]));
  for (const kind of [8, 9, 0x7f]) add(`element kind ${kind}`, TABLE, section(9, [1, kind, 0]));
  for (const kind of [3, 4, 0x7f]) add(`data kind ${kind}`, MEMORY, section(11, [1, kind, 0]));
  return list;
};

export const malformedModules = (): BrokenModule[] => [
  ...headers(),
  ...sections(),
  ...numbers(),
  ...signedNumbers(),
  ...utf8(),
  ...counts(),
  ...flags(),
];

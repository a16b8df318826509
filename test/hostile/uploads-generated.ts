/** Components made by hand to be refused: each with what is wrong with it, and the code for that. */
import {
  component,
  coreModule,
  handleExport,
  httpExport,
  imports,
  leb,
  nested,
  section,
  text,
} from '../../packages/runtime/src/testing/component-bytes.ts';

export interface Upload {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** One code, or that it may be anything but a failure of ours. */
  readonly code?: string;
}

const INVALID = 'invalid_component';
const NOT_ALLOWED = 'import_not_allowed';
const bytesOf = (...parts: (readonly number[] | Uint8Array)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => Uint8Array.from(part)));
const repeat = <T>(times: number, make: (at: number) => T): T[] =>
  Array.from({ length: times }, (_, at) => make(at));
const MAX_U32 = [0xff, 0xff, 0xff, 0xff, 0x0f];
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
const module = (...sections: number[][]): number[] => section(1, coreModule(...sections));
const invalid = (name: string, bytes: Uint8Array): Upload => ({ name, bytes, code: INVALID });

const notComponents = (): Upload[] => [
  invalid('one byte', bytesOf([0])),
  invalid('text', Buffer.from('export default { fetch() {} }')),
  invalid('gzip', bytesOf([0x1f, 0x8b, 8, 0], new Array(100).fill(0))),
  invalid('ELF', bytesOf([0x7f, 0x45, 0x4c, 0x46], new Array(100).fill(1))),
  invalid('magic alone', bytesOf(HEADER.slice(0, 4))),
  invalid('magic and half a version', bytesOf(HEADER.slice(0, 6))),
  invalid('a core module', Uint8Array.from(coreModule())),
  ...[0x0a, 0x0c, 0x0e, 0xff].map((version) =>
    invalid(`version ${version}`, bytesOf(HEADER.slice(0, 4), [version, 0, 1, 0])),
  ),
  invalid('layer 2', bytesOf(HEADER.slice(0, 6), [2, 0])),
  invalid('an empty component', component()),
  invalid('zeros', new Uint8Array(1 << 20)),
];

const sizes = (): Upload[] => [
  ...[0, 1, 4, 10, 11].map((id) =>
    invalid(`section ${id} of 4 GB`, bytesOf(HEADER, [id], MAX_U32)),
  ),
  ...[0, 1, 4, 10, 11].map((id) =>
    invalid(`section ${id} with an endless size`, bytesOf(HEADER, [id], new Array(20).fill(0xff))),
  ),
  ...[13, 14, 100, 255].map((id) => invalid(`section ${id}`, component(section(id, [0])))),
  ...[10, 11].map((id) => invalid(`4 G entries in ${id}`, component(section(id, MAX_U32)))),
  ...[2, 3, 4, 5, 7].map((id) =>
    invalid(`4 G entries in core ${id}`, component(module(section(id, MAX_U32)), handleExport)),
  ),
  invalid('a name of 4 GB', component(section(10, [1, 0, ...MAX_U32]))),
  invalid('a name of 2,000', component(imports('a'.repeat(2_000)), handleExport)),
  invalid('a name that is not UTF-8', component(section(10, [1, 0, 2, 0xc3, 0x28, 5, 0]))),
];

const structures = (): Upload[] => {
  const deep = (levels: number): Uint8Array => {
    // Sizes are prepended from the inside out; the whole stays small.
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let level = 0; level < levels; level++) {
      const head = Uint8Array.from(
        level === levels - 1 ? HEADER : [4, ...leb(size + 8), ...HEADER],
      );
      parts.unshift(head);
      size += head.length;
    }
    return Buffer.concat(parts);
  };
  const memories = (count: number): number[] =>
    section(5, [count, ...repeat(count, () => [0, 1]).flat()]);
  return [
    ...[10, 100, 2_000].map((levels) => invalid(`${levels} levels`, deep(levels))),
    invalid('33 modules', component(...repeat(33, () => module()), handleExport)),
    invalid(
      '200,001 functions',
      component(module(section(3, [...leb(200_001), 0, 0])), handleExport),
    ),
    invalid(
      'a table of 4 G entries',
      component(module(section(4, [1, 0x70, 0, ...MAX_U32])), handleExport),
    ),
    invalid(
      'two tables of 600,000',
      component(
        module(section(4, [2, 0x70, 0, ...leb(600_000), 0x70, 0, ...leb(600_000)])),
        handleExport,
      ),
    ),
    invalid('9 memories', component(module(memories(9)), handleExport)),
    ...[2, 3, 4, 5, 6, 7, 8].map((flags) =>
      invalid(
        `a memory with flags ${flags}`,
        component(module(section(5, [1, flags, 1, 1])), handleExport),
      ),
    ),
    invalid(
      '5 MB of custom sections',
      component(section(0, new Array(5 << 20).fill(0)), handleExport),
    ),
    invalid('20,001 sections', component(...repeat(20_001, () => section(0, [0])), handleExport)),
    invalid(
      '501 imports',
      component(
        imports(...repeat(120, (at) => `a:b/c${at}`)),
        ...repeat(4, (n) => imports(...repeat(100, (at) => `a:b/d${n}x${at}`))),
        handleExport,
      ),
    ),
  ];
};

const CRAFTED_NAMES = [
  "a'b",
  'a"b',
  'a`b',
  'a\\b',
  'a\nb',
  'a\rb',
  'a\u2028b',
  'a\u2029b',
  'a\0b',
  `$${'{'}process.exit()}`,
  "'];process.exit();['",
  '"];process.exit();["',
  '*/process.exit()/*',
  '//\nprocess.exit()',
  '</script>',
  '__proto__',
  'x__proto__y',
  'a;b',
  'a{b}',
  'f()',
  '\u202ea',
  '\ufeffa',
  'é',
  '\ud83d\ude00',
];

const names = (): Upload[] => [
  ...CRAFTED_NAMES.map((name) => {
    const exported = module(section(7, [1, ...text(name), 0, 0]));
    return invalid(`a core export ${JSON.stringify(name)}`, component(exported, handleExport));
  }),
  ...CRAFTED_NAMES.map((name) => {
    const imported = module(section(2, [1, ...text('env'), ...text(name), 0, 0]));
    return invalid(`a core import ${JSON.stringify(name)}`, component(imported, handleExport));
  }),
  ...CRAFTED_NAMES.slice(0, 14).map((name) =>
    invalid(`an import ${JSON.stringify(name)}`, component(imports(name), handleExport)),
  ),
  // Harmless to look at, so it is the transpiler that has to say no.
  ...['constructor', 'prototype', 'toString', 'hasOwnProperty', 'then'].map((name) =>
    invalid(
      `a core export ${name}`,
      component(module(section(7, [1, ...text(name), 0, 0])), handleExport),
    ),
  ),
];

const FOREIGN_IMPORTS = [
  'wasi:sockets/tcp@0.3.0',
  'wasi:sockets/raw@0.2.0',
  'wasi:filesystem/types@0.3.0',
  'wasi:filesystem/raw@0.2.0',
  'wasi:http/types@0.3.0-rc-2025-09-16',
  'wasi:http/types@1.0.0',
  'wasi:http/types',
  'wasi:http/typesx@0.2.0',
  'wasi:keyvalue/store@0.2.0',
  'wasi:nn/graph@0.2.0',
  'wasi:threads/thread@0.2.0',
  'node:fs/promises@0.2.0',
  'popmesh:function/admin@0.1.0',
  'popmesh:node/control@0.1.0',
  'evil:wasi/http@0.2.0',
];

const foreignImports = (): Upload[] =>
  FOREIGN_IMPORTS.flatMap((name) =>
    [
      ['http', httpExport],
      ['function', handleExport],
    ].map(([door, exported]) => ({
      name: `${door} with ${name}`,
      bytes: component(imports(name), exported as number[]),
      code: NOT_ALLOWED,
    })),
  );

const bombs = (): Upload[] => {
  const lists = 100_000;
  const chain = [
    ...leb(lists),
    0x70,
    0x7d,
    ...repeat(lists - 1, (at) => [0x70, ...leb(at)]).flat(),
  ];
  const nestedTypes = 5_000;
  const open = repeat(nestedTypes, () => [0x41, 1, 1]).flat();
  const records = 500;
  const wide = [
    ...leb(records),
    ...repeat(records, (at) => [
      0x6f,
      4,
      ...(at === 0 ? [0x7d, 0x7d, 0x7d, 0x7d] : repeat(4, () => leb(at - 1)).flat()),
    ]).flat(),
  ];
  return [
    invalid('100,000 lists of lists', component(section(7, chain), handleExport)),
    invalid('5,000 types in types', component(section(7, [1, ...open, 0x41, 0]), handleExport)),
    invalid('tuples of 4 to the 500th', component(section(7, wide), handleExport)),
    invalid('a function that is not there', component(handleExport)),
    invalid('an instance that is not there', component(httpExport)),
    invalid('nested nothing', component(nested(component()), handleExport)),
  ];
};

export const generatedUploads = (): Upload[] => [
  ...notComponents(),
  ...sizes(),
  ...structures(),
  ...names(),
  ...foreignImports(),
  ...bombs(),
];

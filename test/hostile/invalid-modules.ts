/**
 * Core modules whose binary format is right and whose meaning is not: the rules behind the
 * WebAssembly specification's assert_invalid cases, with bytes of our own. V8 is the witness
 * that each is wrong (`malformed.test.ts`).
 */
import {
  coreModule,
  leb,
  section,
  text,
} from '../../packages/runtime/src/testing/component-bytes.ts';
import {
  type BrokenModule,
  body,
  DECLARED,
  doing,
  MEMORY,
  one,
  PLAIN,
  TABLE,
} from './malformed-modules.ts';

/** Types: nothing to nothing, nothing to i32, i32 to nothing. */
const TYPES = section(1, [3, 0x60, 0, 0, 0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 0]);
/** One function of each of these types; the first does `code`. */
const among = (code: readonly number[], ...before: number[][]): number[] =>
  coreModule(
    TYPES,
    section(3, [3, 0, 1, 2]),
    ...before,
    section(10, [
      3,
      ...one(0, ...code, 0x0b).slice(1),
      ...one(0, 0x41, 0, 0x0b).slice(1),
      ...one(0, 0x0b).slice(1),
    ]),
  );
/** A function without parameters that is to give an i32. */
const giving = (...code: number[]): number[] =>
  coreModule(section(1, [1, 0x60, 0, 1, 0x7f]), DECLARED, body(...code));
const I32 = [0x41, 0];
const I64 = [0x42, 0];
const DROP = 0x1a;

const stack = (): [string, number[]][] => [
  ['a result that is missing', giving()],
  ['a result of another type', giving(...I64)],
  ['two results for one', giving(...I32, ...I32)],
  ['a value too many', doing(I32)],
  ['a drop of nothing', doing([DROP])],
  ['an addition of nothing', doing([0x6a, DROP])],
  ['an addition of i64 and i32', doing([...I32, ...I64, 0x6a, DROP])],
  ['a float where an i32 goes', doing([0x43, 0, 0, 0, 0, 0x45, DROP])],
  ['a return without its value', giving(0x0f)],
  ['a branch without its value', giving(0x02, 0x7f, 0x0c, 0, 0x0b)],
  ['a block that gives another type', giving(0x02, 0x7f, ...I64, 0x0b)],
  ['a loop that gives nothing', giving(0x03, 0x7f, 0x0b)],
  ['an if without a condition', doing([0x04, 0x40, 0x0b])],
  ['an if that gives and has no else', giving(...I32, 0x04, 0x7f, ...I32, 0x0b)],
  ['arms of two types', giving(...I32, 0x04, 0x7f, ...I32, 0x05, ...I64, 0x0b)],
  ['an else without if', doing([0x05])],
  ['a block without end', coreModule(PLAIN, DECLARED, section(10, one(0, 0x02, 0x40, 0x0b)))],
  ['a block that takes what is outside', giving(...I32, 0x02, 0x40, DROP, 0x0b, ...I32)],
  ['a select of two types', doing([...I32, ...I64, ...I32, 0x1b, DROP])],
  ['a select of references without type', doing([0xd0, 0x70, 0xd0, 0x70, ...I32, 0x1b, DROP])],
  ['a typed select of two', doing([...I32, ...I32, ...I32, 0x1c, 2, 0x7f, 0x7f, DROP])],
  ['after unreachable, two types in one addition', giving(0x00, ...I64, 0x6a)],
  ['after unreachable, a value too many', doing([0x00, ...I32])],
  [
    'a branch table of two arities',
    giving(0x02, 0x40, ...I32, ...I32, 0x0e, 1, 0, 1, 0x0b, ...I32),
  ],
];

const indices = (): [string, number[]][] => [
  ['an unknown type', coreModule(PLAIN, section(3, [1, 7]), body())],
  ['a block of an unknown type', doing([0x02, 9, 0x0b])],
  ['a branch to nowhere', doing([0x0c, 9])],
  ['a conditional branch to nowhere', doing([...I32, 0x0d, 9])],
  ['a branch table to nowhere', doing([...I32, 0x0e, 1, 0, 9])],
  ['a call of nothing', doing([0x10, 9])],
  ['an indirect call without a table', doing([...I32, 0x11, 0, 0])],
  ['an indirect call of an unknown type', doing([...I32, 0x11, 9, 0], TABLE)],
  ['a local that is not there', doing([0x20, 9, DROP])],
  ['a global that is not there', doing([0x23, 9, DROP])],
  ['a load without memory', doing([...I32, 0x28, 2, 0, DROP])],
  ['a growth without memory', doing([...I32, 0x40, 0, DROP])],
  ['a table that is not there', doing([...I32, 0x25, 9, DROP])],
  ['data that is not there', doing([...I32, ...I32, ...I32, 0xfc, 8, 9, 0], MEMORY)],
  ['an element that is not there', doing([0xfc, 13, 9], TABLE)],
  ['a reference to no function', doing([0xd2, 9, DROP])],
  ['a reference that was not declared', doing([0xd2, 0, DROP])],
  ['an export of no function', coreModule(section(7, [1, ...text('a'), 0, 9]))],
  ['an export of no memory', coreModule(section(7, [1, ...text('a'), 2, 0]))],
  ['a start that is not there', coreModule(PLAIN, DECLARED, section(8, [9]), body())],
  ['data without memory', coreModule(section(11, [1, 0, ...I32, 0x0b, 0]))],
  ['an element without table', among([], section(9, [1, 0, ...I32, 0x0b, 1, 0]))],
  ['an element of no function', among([], TABLE, section(9, [1, 0, ...I32, 0x0b, 1, 9]))],
];

const calls = (): [string, number[]][] => [
  ['a call without its argument', among([0x10, 2])],
  ['a call with another type', among([...I64, 0x10, 2])],
  ['a call whose result is left', among([0x10, 1])],
  ['an indirect call without its argument', among([...I32, 0x11, 2, 0], TABLE)],
  ['a start that takes a value', among([], section(8, [2]))],
  ['a start that gives a value', among([], section(8, [1]))],
  ['two exports of one name', among([], section(7, [2, 1, 97, 0, 0, 1, 97, 0, 0]))],
];

const rest = (): [string, number[]][] => [
  ['a maximum below the minimum', coreModule(section(5, [1, 1, 2, 1]))],
  ['a table whose maximum is below its minimum', coreModule(section(4, [1, 0x70, 1, 2, 1]))],
  ['more than 4 GB of memory', coreModule(section(5, [1, 0, ...leb(65_537)]))],
  ['a memory that may grow above 4 GB', coreModule(section(5, [1, 1, 0, ...leb(65_537)]))],
  [
    'an immutable global that is set',
    doing([...I32, 0x24, 0], section(6, [1, 0x7f, 0, 0x41, 0, 0x0b])),
  ],
  ['a global of another type', coreModule(section(6, [1, 0x7f, 0, ...I64, 0x0b]))],
  ['a global of two values', coreModule(section(6, [1, 0x7f, 0, ...I32, ...I32, 0x0b]))],
  ['a global of nothing', coreModule(section(6, [1, 0x7f, 0, 0x0b]))],
  ['a global that calls', among([], section(6, [1, 0x7f, 0, 0x10, 1, 0x0b]))],
  [
    'a global of one that comes later',
    coreModule(section(6, [2, 0x7f, 0, 0x23, 1, 0x0b, 0x7f, 0, ...I32, 0x0b])),
  ],
  ['data at an i64', coreModule(MEMORY, section(11, [1, 0, ...I64, 0x0b, 0]))],
  ['an i32 load aligned to 8', doing([...I32, 0x28, 3, 0, DROP], MEMORY)],
  ['a byte load aligned to 2', doing([...I32, 0x2d, 1, 0, DROP], MEMORY)],
  ['an i64 store aligned to 16', doing([...I32, ...I64, 0x37, 4, 0], MEMORY)],
  [
    '4 G locals',
    coreModule(PLAIN, DECLARED, section(10, one(1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b))),
  ],
  ...[0x16, 0x27, 0xd7, 0xe0, 0xfa, 0xff].map((code): [string, number[]] => [
    `operation ${code.toString(16)}`,
    doing([code]),
  ]),
  ...[
    [0xfc, 0x40],
    [0xfd, 0xff, 0x7f],
    [0xfe, 0x7f],
  ].map((code): [string, number[]] => [
    `operation ${Buffer.from(code).toString('hex')}`,
    doing(code),
  ]),
];

export const invalidModules = (): BrokenModule[] =>
  [...stack(), ...indices(), ...calls(), ...rest()].map(([name, bytes]) => ({ name, bytes }));

/**
 * Component sections that break one rule of the component model's binary format or of its
 * validation each. They are put behind the sections of a component that is good, whose index
 * spaces are therefore full to somewhere: what is to be missing has number 9,999.
 */
import {
  component,
  coreModule,
  leb,
  nested,
  section,
  text,
} from '../../packages/runtime/src/testing/component-bytes.ts';

export interface BrokenSections {
  readonly name: string;
  readonly bytes: readonly number[];
}

const [CORE_INSTANCE, CORE_TYPE, INSTANCE, ALIAS, TYPE, CANON, START, IMPORT, EXPORT] = [
  2, 3, 5, 6, 7, 8, 9, 10, 11,
];
/** 9,999 as a signed number too, since types are numbered with a sign. */
const FAR = [0x8f, 0xce, 0x00];
const [BOOL, U8, STRING] = [0x7f, 0x7d, 0x73];
const [RECORD, VARIANT, LIST, TUPLE, FLAGS, ENUM, OPTION, RESULT] = [
  0x72, 0x71, 0x70, 0x6f, 0x6e, 0x6d, 0x6b, 0x6a,
];
const [OWN, BORROW, STREAM, FUTURE] = [0x69, 0x68, 0x66, 0x65];
/** A nested component, whose index spaces begin at 0. */
const inside = (...sections: number[][]): number[] => nested(component(...sections));
const type = (...one: number[]): number[] => section(TYPE, [1, ...one]);
const types = (...all: number[][]): number[] => section(TYPE, [...leb(all.length), ...all.flat()]);
const func = (parameters: number[][], result: number[] = [1, 0]): number[] => [
  0x40,
  ...leb(parameters.length),
  ...parameters.flat(),
  ...result,
];
const repeat = (times: number, make: (at: number) => number[]): number[] =>
  Array.from({ length: times }, (_, at) => make(at)).flat();

const framing = (): [string, number[]][] => [
  ...[13, 14, 63, 127, 128, 255].map((id): [string, number[]] => [
    `section ${id}`,
    section(id, [0]),
  ]),
  ...[CORE_TYPE, TYPE, CANON, IMPORT, EXPORT].flatMap((id): [string, number[]][] => [
    [`section ${id} without its count`, section(id, [])],
    [`section ${id} with a byte too many`, section(id, [0, 0])],
    [`section ${id} with one entry and nothing there`, section(id, [1])],
    [`section ${id} with a count in six bytes`, section(id, [0x80, 0x80, 0x80, 0x80, 0x80, 0])],
    [`section ${id} longer than the file`, [id, 9, 0]],
  ]),
  ['a custom section without a name', section(0, [])],
  ['a custom section whose name is longer', section(0, [5, 97])],
  ['a custom section whose name is not UTF-8', section(0, [1, 0xff])],
  ['a nested component without a header', section(4, [])],
  ['a nested component that is a module', section(4, coreModule())],
  ['a module that is a component', section(1, [...component()])],
];

const definedTypes = (): [string, number[]][] => [
  ['a type of unknown form', type(0x5e)],
  ['a type of form 0', type(0x00)],
  ['a record without fields', type(RECORD, 0)],
  ['a record with one field twice', type(RECORD, 2, ...text('a'), U8, ...text('a'), U8)],
  ['a record whose field is no kebab name', type(RECORD, 1, ...text('a_b'), U8)],
  ['a record whose field has no name', type(RECORD, 1, 0, U8)],
  ['a record of an unknown type', type(RECORD, 1, ...text('a'), ...FAR)],
  ['a variant without cases', type(VARIANT, 0)],
  ['a variant with one case twice', type(VARIANT, 2, ...text('a'), 0, 0, ...text('a'), 0, 0)],
  ['a variant whose case refines', type(VARIANT, 1, ...text('a'), 0, 1, 0)],
  ['a list of an unknown type', type(LIST, ...FAR)],
  ['a tuple of nothing', type(TUPLE, 0)],
  ['flags without names', type(FLAGS, 0)],
  ['flags of one name twice', type(FLAGS, 2, ...text('a'), ...text('a'))],
  ['33 flags', type(FLAGS, 33, ...repeat(33, (at) => text(`a${at}`)))],
  ['an enum without cases', type(ENUM, 0)],
  ['an enum of one case twice', type(ENUM, 2, ...text('a'), ...text('A'))],
  ['an option of an unknown type', type(OPTION, ...FAR)],
  ['a result with an unknown mark', type(RESULT, 2, U8, 0)],
  ['an own of nothing', type(OWN, ...FAR)],
  ['a borrow of nothing', type(BORROW, ...FAR)],
  ['an own of a record', inside(types([RECORD, 1, ...text('a'), U8], [OWN, 0]))],
  ['a stream of an unknown type', type(STREAM, 1, ...FAR)],
  ['a future of an unknown type', type(FUTURE, 1, ...FAR)],
  ['a resource that is a float', type(0x3f, 0x7d, 0)],
  ['a resource with an unknown destructor', type(0x3f, 0x7f, 1, ...FAR)],
];

const functionTypes = (): [string, number[]][] => [
  [
    'one parameter twice',
    type(
      ...func([
        [...text('a'), U8],
        [...text('a'), U8],
      ]),
    ),
  ],
  ['a parameter of an unknown type', type(...func([[...text('a'), ...FAR]]))],
  ['a parameter without a name', type(...func([[0, U8]]))],
  ['a parameter that is no kebab name', type(...func([[...text('-a'), U8]]))],
  ['a result of an unknown type', type(...func([], [0, ...FAR]))],
  ['a result with an unknown mark', type(...func([], [2, U8]))],
  ['a result that is lent', inside(types([0x3f, 0x7f, 0], [BORROW, 0], func([], [0, 1])))],
  ['a parameter that is a function', inside(types(func([]), func([[...text('a'), 0]])))],
];

const interfaces = (): [string, number[]][] => [
  ['an instance type of an unknown entry', type(0x42, 1, 0x09)],
  ['an instance type that imports', type(0x42, 1, 0x03, 0, ...text('a'), 1, 0)],
  [
    'an instance type with one export twice',
    type(0x42, 3, 0x01, ...func([]), ...exported('a'), ...exported('a')),
  ],
  ['an instance type of an unknown function', type(0x42, 1, ...exported('a'))],
  ['an instance type that aliases too far out', type(0x42, 1, 0x02, 0x03, 0x02, 99, 0)],
  [
    'a component type with one import twice',
    type(0x41, 3, 0x01, ...func([]), ...imported('a'), ...imported('a')),
  ],
  ['an import of an unknown type', inside(section(IMPORT, [1, 0, ...text('a'), 5, 0]))],
  ['an import of an unknown kind', inside(section(IMPORT, [1, 0, ...text('a'), 6, 0]))],
  ['an import of unknown name form', inside(section(IMPORT, [1, 9, ...text('a'), 5, 0]))],
  [
    'one import twice',
    inside(type(0x42, 0), section(IMPORT, [2, ...repeat(2, () => [0, ...text('a'), 5, 0])])),
  ],
  [
    'an import whose name is not one',
    inside(type(0x42, 0), section(IMPORT, [1, 0, ...text('A:b/'), 5, 0])),
  ],
  [
    'an import whose version is not one',
    inside(type(0x42, 0), section(IMPORT, [1, 0, ...text('a:b/c@1.x'), 5, 0])),
  ],
  [
    'a function with the name of a method',
    inside(type(...func([])), section(IMPORT, [1, 0, ...text('[method]a.b'), 1, 0])),
  ],
  [
    'one export twice',
    inside(
      nested(component()),
      section(EXPORT, [2, ...repeat(2, () => [0, ...text('a'), 4, 0, 0])]),
    ),
  ],
  ['an export of an unknown component', section(EXPORT, [1, 0, ...text('more'), 4, ...FAR, 0])],
  ['an export of unknown sort', section(EXPORT, [1, 0, ...text('more'), 9, 0, 0])],
  [
    'an export with another type',
    inside(
      type(0x42, 0),
      nested(component()),
      section(EXPORT, [1, 0, ...text('a'), 4, 0, 1, 5, 0]),
    ),
  ],
];
/** An export of function type 0, and an import of it, as entries of a type. */
const exported = (name: string): number[] => [0x04, 0, ...text(name), 1, 0];
const imported = (name: string): number[] => [0x03, 0, ...text(name), 1, 0];

const MODULE = section(
  1,
  coreModule(
    section(1, [1, 0x60, 0, 0]),
    section(3, [1, 0]),
    section(7, [1, 1, 97, 0, 0]),
    section(10, [1, 2, 0, 0x0b]),
  ),
);
const RUNNING = [
  MODULE,
  section(CORE_INSTANCE, [1, 0, 0, 0]),
  section(ALIAS, [1, 0, 0, 1, 0, 1, 97]),
];

const instances = (): [string, number[]][] => [
  ['an instance of no module', section(CORE_INSTANCE, [1, 0, ...FAR, 0])],
  ['an instance of unknown form', section(CORE_INSTANCE, [1, 9, 0, 0])],
  [
    'an instance of a module without its import',
    inside(
      section(1, coreModule(section(1, [1, 0x60, 0, 0]), section(2, [1, 1, 97, 1, 98, 0, 0]))),
      section(CORE_INSTANCE, [1, 0, 0, 0]),
    ),
  ],
  [
    'an instance with one argument twice',
    inside(MODULE, section(CORE_INSTANCE, [2, 0, 0, 0, 0, 0, 2, 1, 97, 0x12, 0, 1, 97, 0x12, 0])),
  ],
  ['an instance of no component', section(INSTANCE, [1, 0, ...FAR, 0])],
  [
    'an instance of a component without its import',
    inside(
      nested(component(type(0x42, 0), section(IMPORT, [1, 0, ...text('a'), 5, 0]))),
      section(INSTANCE, [1, 0, 0, 0]),
    ),
  ],
  [
    'exports of one name in an instance',
    inside(
      nested(component()),
      section(INSTANCE, [1, 1, 2, ...repeat(2, () => [0, ...text('a'), 4, 0])]),
    ),
  ],
  ['an alias of no instance', section(ALIAS, [1, 1, 0, ...FAR, 1, 97])],
  [
    'an alias of no export',
    inside(
      nested(component()),
      section(INSTANCE, [1, 0, 0, 0]),
      section(ALIAS, [1, 1, 0, 0, 1, 97]),
    ),
  ],
  [
    'an alias of no core export',
    inside(...RUNNING.slice(0, 2), section(ALIAS, [1, 0, 0, 1, 0, 1, 98])),
  ],
  [
    'an alias of another sort',
    inside(...RUNNING.slice(0, 2), section(ALIAS, [1, 0, 2, 1, 0, 1, 97])),
  ],
  ['an alias too far out', section(ALIAS, [1, 3, 2, 99, 0])],
  ['an alias of an outer function', section(ALIAS, [1, 1, 2, 0, 0])],
  ['a start section', section(START, [...FAR, 0, 0])],
];

const U8_TO_STRING = func([[...text('a'), U8]], [0, STRING]);
const canons = (): [string, number[]][] => [
  ['a canonical function of unknown form', section(CANON, [1, 0xee])],
  ['a lift of no function', inside(type(...func([])), section(CANON, [1, 0, 0, ...FAR, 0, 0]))],
  ['a lift to no type', inside(...RUNNING, section(CANON, [1, 0, 0, 0, 0, ...FAR]))],
  [
    'a lift to a record',
    inside(...RUNNING, type(RECORD, 1, ...text('a'), BOOL), section(CANON, [1, 0, 0, 0, 0, 0])),
  ],
  [
    'a lift of another signature',
    inside(...RUNNING, type(...func([[...text('a'), U8]])), section(CANON, [1, 0, 0, 0, 0, 0])),
  ],
  [
    'a lift of strings without memory',
    inside(...RUNNING, type(...U8_TO_STRING), section(CANON, [1, 0, 0, 0, 0, 0])),
  ],
  [
    'a lift in two encodings',
    inside(...RUNNING, type(...func([])), section(CANON, [1, 0, 0, 0, 2, 0, 1, 0])),
  ],
  [
    'a lift with an unknown option',
    inside(...RUNNING, type(...func([])), section(CANON, [1, 0, 0, 0, 1, 0x77, 0])),
  ],
  [
    'a lift with no such memory',
    inside(...RUNNING, type(...func([])), section(CANON, [1, 0, 0, 0, 1, 3, 9, 0])),
  ],
  [
    'a lift with a realloc and no memory',
    inside(...RUNNING, type(...func([])), section(CANON, [1, 0, 0, 0, 1, 4, 0, 0])),
  ],
  ['a lower of no function', section(CANON, [1, 1, 0, ...FAR, 0])],
  [
    'a lower with an afterwards',
    inside(...RUNNING, type(...func([])), section(CANON, [2, 0, 0, 0, 0, 0, 1, 0, 0, 1, 5, 0])),
  ],
  ['a new of no resource', section(CANON, [1, 2, ...FAR])],
  ['a drop of no resource', section(CANON, [1, 3, ...FAR])],
  [
    'a representation of another one’s resource',
    inside(section(IMPORT, [1, 0, ...text('r'), 3, 1]), section(CANON, [1, 4, 0])),
  ],
];

export const malformedComponents = (): BrokenSections[] =>
  (
    [
      ['framing', framing()],
      ['type', definedTypes()],
      ['function type', functionTypes()],
      ['interface', interfaces()],
      ['instance', instances()],
      ['canonical function', canons()],
    ] as const
  ).flatMap(([area, all]) => all.map(([name, bytes]) => ({ name: `${area}: ${name}`, bytes })));

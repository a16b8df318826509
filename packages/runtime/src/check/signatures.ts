import { PopmeshError } from '@popmesh/contracts';
import type { DoorName } from '../worker/door.ts';
import { leb } from './bytes.ts';
import type { ComponentFacts } from './component.ts';
import { HOST_WORLDS, SIGNATURES } from './generated/host-worlds.ts';

/**
 * Whether a component asks for what this node has, type by type, and gives what it must.
 *
 * The component is put inside another one that imports all that is hosted, instantiates the
 * component with it and exports its handler under the type that a handler has. The validator
 * of wasm-tools then says whether the whole is right: it is the component model's own subtyping,
 * resources included, so an interface of which the component uses less is fine and one of which
 * it wants more, or something else, is not. Refused: a type checker of ours beside that one.
 *
 * Here the bytes around the component are made and the validator's words are read; it runs in the
 * one-shot child (`prepare/child.ts`).
 */

export interface HostWorld {
  /** Types, aliases and imports of a component that imports all that is hosted; base64. */
  readonly prelude: string;
  /** Indices in the prelude's spaces, interfaces without their version. */
  readonly instances: Readonly<Record<string, number>>;
  /** Which of the instances has a type of that name. */
  readonly types: Readonly<Record<string, number>>;
  readonly typeCount: number;
  /** Under what name it is exported, and the index of its type. */
  readonly handlers: readonly { readonly name: string; readonly type: number }[];
}

/** Function by function as WIT has them, by interface without version; `''` is the world itself. */
export type Signatures = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What goes before the component's bytes, and after them. */
export interface Surroundings {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

const COMPONENT = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
const [NESTED, INSTANCE, ALIAS, EXPORT] = [4, 5, 6, 11];
const [FUNCTION_SORT, TYPE_SORT, INSTANCE_SORT] = [1, 3, 5];

export function surround(facts: ComponentFacts, sizeBytes: number): Surroundings {
  const world = HOST_WORLDS[facts.door];
  const types = facts.typeImports.filter((name) => Object.hasOwn(world.types, name));
  const given = [
    ...facts.imports.map((name) => [
      ...text(name),
      INSTANCE_SORT,
      ...leb(world.instances[withoutVersion(name)] ?? 0),
    ]),
    ...types.map((name, at) => [...text(name), TYPE_SORT, ...leb(world.typeCount + at)]),
  ];
  const hosted = Object.keys(world.instances).length;
  const own = facts.door === 'popmesh:function';
  const sort = own ? FUNCTION_SORT : INSTANCE_SORT;
  const { handlers } = world;
  // After the hosted instances comes the component's own, and after that the alias of its door;
  // in the space of functions, only those come before it that the prelude imports for their type.
  const [instance, door] = [hosted, own ? handlers.length : hosted + 1];
  const after = Buffer.from([
    ...section(
      ALIAS,
      types.map((name) => [TYPE_SORT, 0, ...leb(world.types[name] ?? 0), ...text(name)]),
    ),
    ...section(INSTANCE, [[0, 0, ...leb(given.length), ...given.flat()]]),
    ...section(
      ALIAS,
      handlers.map(({ name }) => {
        const exported = own ? name : facts.doorExport;
        return [sort, 0, ...leb(instance), ...text(exported)];
      }),
    ),
    ...section(
      EXPORT,
      handlers.map(({ name, type }, at) => {
        return [0, ...text(name), sort, ...leb(door + at), 1, sort, ...leb(type)];
      }),
    ),
  ]);
  const prelude = Buffer.from(world.prelude, 'base64');
  const head = [NESTED, ...leb(sizeBytes)];
  // All of it is nested once more: whoever reads the outermost finds nothing to understand.
  const wholeBytes = prelude.length + head.length + sizeBytes + after.length;
  return {
    before: Buffer.concat([
      Uint8Array.from([...COMPONENT, NESTED, ...leb(wholeBytes)]),
      prelude,
      Uint8Array.from(head),
    ]),
    after,
  };
}

const IMPORT = /type mismatch for import `([^`]{1,200})`/;
const MEMBER = /(?:type mismatch in instance export|missing expected export) `([^`]{1,200})`/;
const MISSING = /missing expected export/;
const ARGUMENT = /missing import named `([^`]{1,200})`/;
const HANDLER = /ascribed type of export is not compatible/;
/** Of `popmesh:function`: one of its exports is not there. */
const NO_EXPORT = /has no export named `([^`]{1,200})`/;

/** What the validator said, in words for the author of the component. */
export function mismatch(door: DoorName, said: string): PopmeshError {
  const reason = said
    .replace(/\(at offset 0x[0-9a-f]+\)/, '')
    .trim()
    .slice(0, 400);
  const argument = ARGUMENT.exec(said)?.[1];
  const name = IMPORT.exec(said)?.[1];
  const member = MEMBER.exec(said)?.[1];
  const absent = NO_EXPORT.exec(said)?.[1];
  if (absent !== undefined) {
    return new PopmeshError(
      'invalid_component',
      `The component exports no ${JSON.stringify(absent)}`,
      {
        hint: 'Build it again with the "popmesh build" of this version.',
        details: { function: absent, reason },
      },
    );
  }
  if (HANDLER.test(said)) {
    const [face, handle] =
      door === 'wasi:http' ? ['wasi:http/incoming-handler', 'handle'] : ['', 'handle'];
    const expected = SIGNATURES[face]?.[handle] ?? '';
    return new PopmeshError('invalid_component', `The exported "handle" is not ${expected}`, {
      hint: 'Build it with "popmesh build", or for the world wasi:http/proxy 0.2.',
      details: { function: handle, expected, reason },
    });
  }
  if (argument !== undefined) {
    return new PopmeshError(
      'import_not_allowed',
      `The type ${JSON.stringify(argument)} belongs to no interface of this node`,
      {
        hint: 'A world cannot have types of its own here: put them into an interface.',
        details: { import: argument, door, reason },
      },
    );
  }
  if (name === undefined) {
    return new PopmeshError('invalid_component', 'Its imports and exports cannot be checked', {
      details: { reason },
    });
  }
  const shown = member === undefined ? '' : ` ${JSON.stringify(member)}`;
  const expected = SIGNATURES[withoutVersion(name)]?.[member ?? ''];
  return new PopmeshError(
    'import_not_allowed',
    MISSING.test(said)
      ? `There is no${shown} in ${name} here`
      : `The import${shown} of ${name} has another type here${expected === undefined ? '' : `: ${expected}`}`,
    {
      hint: 'Build it again with the "popmesh build" of this version, or for wasi 0.2.',
      details: {
        import: name,
        door,
        reason,
        ...(member === undefined ? {} : { function: member }),
        ...(expected === undefined ? {} : { expected }),
      },
    },
  );
}

const withoutVersion = (name: string): string =>
  name.includes('@') ? name.slice(0, name.lastIndexOf('@')) : name;

const text = (value: string): number[] => {
  const bytes = Buffer.from(value);
  return [...leb(bytes.length), ...bytes];
};

/** A section of these entries; none of it when there are none. */
function section(id: number, entries: readonly number[][]): number[] {
  if (entries.length === 0) return [];
  const body = [...leb(entries.length), ...entries.flat()];
  return [id, ...leb(body.length), ...body];
}

import { leb } from '../../packages/runtime/src/testing/component-bytes.ts';

/** Real components taken apart and put together again with one function changed for the worse. */

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

class Cursor {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  name(): string {
    return Buffer.from(this.take(this.u32())).toString();
  }
}

/** The sections of a component or of a core module. */
export function sectionsOf(bytes: Uint8Array): Section[] {
  const cursor = new Cursor(bytes, 8);
  const sections: Section[] = [];
  while (cursor.at < bytes.length) {
    const id = cursor.byte();
    sections.push({ id, body: cursor.take(cursor.u32()) });
  }
  return sections;
}

/** Where each section begins, and where the last one ends. */
export function boundariesOf(bytes: Uint8Array): number[] {
  const cursor = new Cursor(bytes, 8);
  const at = [8];
  while (cursor.at < bytes.length) {
    cursor.byte();
    cursor.take(cursor.u32());
    at.push(cursor.at);
  }
  return at;
}

export const join = (header: Uint8Array, sections: readonly Section[]): Uint8Array =>
  Buffer.concat([
    header,
    ...sections.flatMap(({ id, body }) => [Uint8Array.from([id, ...leb(body.length)]), body]),
  ]);

const TYPE = 1;
const IMPORT = 2;
const FUNCTION = 3;
const MEMORY = 5;
const EXPORT = 7;
const START = 8;
const CODE = 10;
const CORE_MODULE = 1;
const NESTED = 4;

function importedFunctions(body: Uint8Array | undefined): number {
  if (body === undefined) return 0;
  const cursor = new Cursor(body);
  let functions = 0;
  for (let left = cursor.u32(); left > 0; left--) {
    cursor.name();
    cursor.name();
    const kind = cursor.byte();
    if (kind === 0) {
      cursor.u32();
      functions++;
    } else if (kind === 1) {
      cursor.byte();
      if (cursor.byte() === 1) cursor.u32();
      cursor.u32();
    } else if (kind === 2) {
      if (cursor.byte() === 1) cursor.u32();
      cursor.u32();
    } else cursor.take(2);
  }
  return functions;
}

function exportedFunction(body: Uint8Array | undefined, wanted: RegExp): number | undefined {
  if (body === undefined) return undefined;
  const cursor = new Cursor(body);
  for (let left = cursor.u32(); left > 0; left--) {
    const name = cursor.name();
    const kind = cursor.byte();
    const index = cursor.u32();
    if (kind === 0 && wanted.test(name)) return index;
  }
  return undefined;
}

/** `code` in place of the function's body, of the same length, with nothing after it reachable. */
function replaceBody(section: Section, index: number, code: readonly number[]): Section {
  const cursor = new Cursor(section.body);
  const count = cursor.u32();
  const bodies: Uint8Array[] = [];
  for (let i = 0; i < count; i++) bodies.push(cursor.take(cursor.u32()));
  // No locals, the code, `unreachable`, `end`.
  bodies[index] = Uint8Array.from([0, ...code, 0x00, 0x0b]);
  return {
    id: CODE,
    body: Buffer.concat([
      Uint8Array.from(leb(count)),
      ...bodies.flatMap((body) => [Uint8Array.from(leb(body.length)), body]),
    ]),
  };
}

const find = (sections: readonly Section[], id: number): Uint8Array | undefined =>
  sections.find((section) => section.id === id)?.body;

/** Applies `change` to the first core module, nested ones too, for which it gives something back. */
function changeModule(
  component: Uint8Array,
  change: (sections: Section[]) => Section[] | undefined,
): Uint8Array {
  const changed = changeIn(component, change);
  if (changed === undefined) throw new Error('no core module has what is to be changed');
  return changed;
}

function changeIn(
  component: Uint8Array,
  change: (sections: Section[]) => Section[] | undefined,
): Uint8Array | undefined {
  const sections = sectionsOf(component);
  for (const [at, { id, body }] of sections.entries()) {
    if (id !== CORE_MODULE && id !== NESTED) continue;
    const module = id === CORE_MODULE ? change(sectionsOf(body)) : undefined;
    const replaced = id === NESTED ? changeIn(body, change) : module && join(header(body), module);
    if (replaced === undefined) continue;
    return join(header(component), sections.with(at, { id, body: replaced }));
  }
  return undefined;
}

const header = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, 8);

/** The function that answers requests does `code` instead; `code` may name its own index. */
export function withHandler(
  component: Uint8Array,
  code: (index: number) => readonly number[],
): Uint8Array {
  return changeModule(component, (sections) => {
    const wanted = /incoming-handler@[\d.]+#handle$|\[async-lift\].*handle$/;
    const index = exportedFunction(find(sections, EXPORT), wanted);
    if (index === undefined) return undefined;
    const own = index - importedFunctions(find(sections, IMPORT));
    if (own < 0) return undefined;
    return sections.map((section) =>
      section.id === CODE ? replaceBody(section, own, code(index)) : section,
    );
  });
}

/** Instantiating it runs `code`, before any request. */
export function withStart(component: Uint8Array, code: readonly number[]): Uint8Array {
  return changeModule(component, (sections) => {
    const [types, functions] = [find(sections, TYPE), find(sections, FUNCTION)];
    if (types === undefined || functions === undefined) return undefined;
    const own = plainFunction(types, functions);
    if (own === undefined) return undefined;
    const index = own + importedFunctions(find(sections, IMPORT));
    const start: Section = { id: START, body: Uint8Array.from(leb(index)) };
    return sections
      .filter(({ id }) => id !== START)
      .flatMap((section) => {
        if (section.id === CODE) return [replaceBody(section, own, code)];
        return section.id === EXPORT ? [section, start] : [section];
      });
  });
}

/** The first module with a memory begins with `pages` of it. */
export function withMemoryPages(component: Uint8Array, pages: number): Uint8Array {
  return changeModule(component, (sections) =>
    find(sections, MEMORY) === undefined
      ? undefined
      : sections.map((section) =>
          section.id === MEMORY
            ? { id: MEMORY, body: Uint8Array.from([1, 0, ...leb(pages)]) }
            : section,
        ),
  );
}

const CORE_INSTANCE = 2;
const COMPONENT_INSTANCE = 5;

/** Instantiates what stands at `index`, with nothing, so many times. */
const instances = (index: number, times: number): Uint8Array =>
  Uint8Array.from([
    ...leb(times),
    ...Array.from({ length: times }, () => [0, ...leb(index), 0]).flat(),
  ]);

const countOf = (sections: readonly Section[], wanted: number): number =>
  sections.filter(({ id }) => id === wanted).length;

/** One more core module in the component, and `times` instances of it. */
export function withInstances(
  component: Uint8Array,
  module: Uint8Array,
  times: number,
): Uint8Array {
  const sections = sectionsOf(component);
  const index = countOf(sections, CORE_MODULE);
  return join(header(component), [
    ...sections,
    { id: CORE_MODULE, body: module },
    { id: CORE_INSTANCE, body: instances(index, times) },
  ]);
}

/** The same within a component in it, which is instantiated `outer` times, each making `inner`. */
export function withNestedInstances(
  component: Uint8Array,
  module: Uint8Array,
  outer: number,
  inner: number,
): Uint8Array {
  const sections = sectionsOf(component);
  const nested = join(header(component), [
    { id: CORE_MODULE, body: module },
    { id: CORE_INSTANCE, body: instances(0, inner) },
  ]);
  return join(header(component), [
    ...sections,
    { id: NESTED, body: nested },
    { id: COMPONENT_INSTANCE, body: instances(countOf(sections, NESTED), outer) },
  ]);
}

/** A function that takes and gives nothing. */
function plainFunction(types: Uint8Array, functions: Uint8Array): number | undefined {
  const cursor = new Cursor(types);
  const plain = new Set<number>();
  const total = cursor.u32();
  for (let i = 0; i < total; i++) {
    if (cursor.byte() !== 0x60) break;
    const parameters = cursor.take(cursor.u32()).length;
    const results = cursor.take(cursor.u32()).length;
    if (parameters + results === 0) plain.add(i);
  }
  const list = new Cursor(functions);
  const count = list.u32();
  for (let i = 0; i < count; i++) if (plain.has(list.u32())) return i;
  return undefined;
}

export const CODE_OF = {
  trap: (): number[] => [0x00],
  /** loop br 0 end */
  loop: (): number[] => [0x03, 0x40, 0x0c, 0x00, 0x0b],
  /** Calls itself with its own two arguments. */
  recursion: (index: number): number[] => [0x20, 0, 0x20, 1, 0x10, ...leb(index)],
  /** Grows by 100 pages until that fails, then traps. */
  memory: (): number[] => [
    0x03, 0x40, 0x41, 0xe4, 0x00, 0x40, 0x00, 0x41, 0x7f, 0x47, 0x0d, 0x00, 0x0b,
  ],
} as const;

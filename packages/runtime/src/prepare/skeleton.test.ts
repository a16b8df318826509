import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { checkComponent } from '../check/component.ts';
import { runtimeConfigSchema } from '../config.ts';
import { coreModule, leb, section, text } from '../testing/component-bytes.ts';
import { buildGuest } from '../testing/guests.ts';
import { testClock } from '../testing/harness.ts';
import { writeImage } from '../worker/memory-image.ts';
import { GLUE_FILE } from './generate-options.ts';
import { takeModuleImage } from './module-image.ts';
import { placeImages } from './place-images.ts';
import { transpileInChild } from './run-child.ts';
import { takeSkeleton } from './skeleton.ts';
import { trimGlue } from './trim-glue.ts';

interface Exports {
  readonly [name: string]: unknown;
}
interface Memory {
  readonly buffer: ArrayBuffer;
}
/** TypeScript's Node types know only `WebAssembly.Module`. */
const Wasm = (
  globalThis as unknown as {
    WebAssembly: {
      validate(bytes: Uint8Array): boolean;
      Module: {
        new (bytes: Uint8Array): WebAssembly.Module;
        imports(module: WebAssembly.Module): { module: string; name: string; kind: string }[];
      };
      Instance: new (module: WebAssembly.Module, imports: object) => { exports: Exports };
      Memory: new (type: object) => Memory;
      Global: new (type: object) => { readonly value: unknown };
    };
  }
).WebAssembly;

const guest = (answer: string): string => `export async function handle(id, request) {
  return { status: 200, headers: '', body: { tag: 'text', val: ${JSON.stringify(answer)} } };
}`;

const config = runtimeConfigSchema.parse(undefined);
async function transpile(component: Uint8Array) {
  const facts = checkComponent(component, { componentBytesMax: config.componentBytesMax });
  const limits = {
    deadlineMs: config.prepareDeadlineMs,
    heapMb: config.prepareHeapMb,
    outputBytesMax: config.prepareOutputBytesMax,
  };
  const never = new AbortController().signal;
  return await transpileInChild(component, facts, limits, testClock, never);
}

describe('two JavaScript functions', () => {
  const components: Uint8Array[] = [];
  before(async () => {
    components.push(await buildGuest(guest('one')), await buildGuest());
  });

  test('have one skeleton, and each is put together again byte by byte', async () => {
    const skeletons = components.map((component) => takeSkeleton(component));
    const [one, other] = skeletons;
    assert.ok(one !== undefined && other !== undefined);
    assert.equal(Buffer.compare(one.component, other.component), 0);
    const short = await transpile(one.component);
    for (const [index, component] of components.entries()) {
      const long = await transpile(component);
      assert.deepEqual([...short.files.keys()].sort(), [...long.files.keys()].sort());
      assert.deepEqual(short.imports, long.imports);
      const skeleton = skeletons[index];
      assert.ok(skeleton !== undefined);
      const images = placeImages(skeleton, short.files) ?? [];
      assert.equal(images.length, skeleton.modules.length);
      const glue = (files: ReadonlyMap<string, Uint8Array>) =>
        trimGlue(Buffer.from(files.get(GLUE_FILE) ?? '').toString(), 'popmesh:function').source;
      assert.equal(glue(short.files), glue(long.files));
      for (const [name, bytes] of long.files) {
        const image = images.find(({ prepared }) => prepared.module === name);
        const made = short.files.get(name) ?? new Uint8Array();
        if (image === undefined) assert.equal(Buffer.compare(made, bytes), 0, name);
        else assertSame(instantiate(bytes), withImage(made, image.prepared, [image.bytes]));
      }
    }
  });

  test('what differs in code has another skeleton', async () => {
    const [component = new Uint8Array()] = components;
    const wat = await transpile(component);
    const code = [...wat.files].find(([name]) => name === 'component.core3.wasm')?.[1];
    assert.ok(code !== undefined);
    const at = Buffer.from(component).indexOf(code);
    const changed = component.slice();
    // In the middle of the engine's code.
    const middle = at + Math.floor(code.length / 2);
    changed[middle] = (changed[middle] ?? 0) ^ 1;
    assert.notEqual(
      Buffer.compare(
        takeSkeleton(component)?.component ?? new Uint8Array(),
        takeSkeleton(changed)?.component ?? new Uint8Array(),
      ),
      0,
    );
  });
});

/** With functions that do nothing, and memories large enough for whatever the module wants. */
function instantiate(bytes: Uint8Array): Exports {
  const module = new Wasm.Module(bytes);
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module: from, name, kind } of Wasm.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = kind === 'memory' ? new Wasm.Memory({ initial: 64 }) : () => 0;
  }
  return new Wasm.Instance(module, imports).exports;
}

function withImage(bytes: Uint8Array, image: SkeletonImage, data: readonly Uint8Array[]): Exports {
  const exports = instantiate(bytes);
  const { memory, globals } = image;
  const whole = Buffer.concat(data);
  const shared = new SharedArrayBuffer(whole.length);
  new Uint8Array(shared).set(whole);
  writeImage(
    {
      module: '',
      globals,
      ...(memory === undefined
        ? {}
        : { memory: { ...memory, path: '', sizeBytes: whole.length, sha256: '', bytes: shared } }),
    },
    exports,
  );
  return exports;
}

interface SkeletonImage {
  readonly globals: readonly { readonly name: string; readonly value: number }[];
  readonly memory?: {
    readonly name: string;
    readonly pages: number;
    readonly segments: readonly { readonly offset: number; readonly sizeBytes: number }[];
  };
}

/** What a fresh instance exports is the same either way. */
function assertSame(expected: Exports, actual: Exports): void {
  for (const [name, value] of Object.entries(expected)) {
    const other = actual[name];
    if (value instanceof Wasm.Memory) {
      const [a, b] = [value, other as Memory].map(({ buffer }) => Buffer.from(buffer));
      assert.equal(Buffer.compare(a ?? Buffer.of(), b ?? Buffer.of()), 0, name);
    } else if (typeof value === 'function') {
      if (name.startsWith('get')) assert.equal((other as () => unknown)(), value(), name);
    } else if (value instanceof Wasm.Global) {
      assert.equal((other as { value: unknown }).value, value.value, name);
    }
  }
}

const GLOBALS = [-5, 7, -2_147_483_648, 1_048_576];
const sleb = (value: number): number[] => {
  const out: number[] = [];
  for (let rest = value; ; ) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const last = (rest === 0 && byte < 0x40) || (rest === -1 && byte >= 0x40);
    out.push(last ? byte : byte | 0x80);
    if (last) return out;
  }
};
const segment = (offset: number, bytes: readonly number[]): number[] => [
  ...[0, 0x41, ...sleb(offset), 0x0b],
  ...leb(bytes.length),
  ...bytes,
];

/** A snapshot as small as one can be: four variables with a function to read each, two segments. */
function snapshot(
  second = segment(70_000, [1, 2, 3]),
  extra: readonly number[][] = [],
): Uint8Array {
  const bytes = Array.from({ length: 65_536 }, (_, index) => index % 251);
  return Uint8Array.from(
    coreModule(
      section(1, [1, 0x60, 0, 1, 0x7f]),
      section(3, [GLOBALS.length, ...GLOBALS.map(() => 0)]),
      section(5, [1, 0, 17]),
      section(6, [
        ...leb(GLOBALS.length),
        // The second one is a constant.
        ...GLOBALS.flatMap((value, at) => [0x7f, at === 1 ? 0 : 1, 0x41, ...sleb(value), 0x0b]),
      ]),
      section(7, [
        ...leb(GLOBALS.length + 1),
        ...[...text('memory'), 2, 0],
        ...GLOBALS.flatMap((_, at) => [...text(`get${at}`), 0, at]),
      ]),
      ...extra,
      section(10, [GLOBALS.length, ...GLOBALS.flatMap((_, at) => [4, 0, 0x23, at, 0x0b])]),
      section(11, [2, ...segment(16, bytes), ...second]),
    ),
  );
}

describe('a module and its image', () => {
  test('make the same instance as the module that brings its data along', () => {
    const module = snapshot();
    assert.ok(Wasm.validate(module));
    const split = takeModuleImage(module);
    assert.ok(split?.image.memory !== undefined);
    assert.ok(split.module.length < 500);
    assert.deepEqual(
      split.image.globals.map(({ value }) => value),
      GLOBALS.filter((_, at) => at !== 1),
    );
    assertSame(instantiate(module), restored(split));
  });

  const refused: Readonly<Record<string, Uint8Array>> = {
    'code that runs at once': snapshot(undefined, [section(8, [0])]),
    'a count of segments, for code that names them': snapshot(undefined, [section(12, [2])]),
    'a segment beyond the memory': snapshot(segment(17 * 65_536 - 1, [1, 2])),
    'segments that overlap': snapshot(segment(100, [1])),
    'a passive segment': snapshot([1, 1, 9]),
    'a segment cut short': snapshot().slice(0, -1),
    'something after the data': Uint8Array.from([...snapshot(), ...section(10, [0])]),
  };
  for (const [what, module] of Object.entries(refused)) {
    test(`stay together: ${what}`, () => {
      assert.equal(takeModuleImage(module)?.image.memory, undefined);
    });
  }

  test('nothing that is invalid becomes valid, nothing that is valid another thing', () => {
    const module = snapshot();
    // All but the bytes of the first segment, where nothing but data can go wrong.
    const places = [...module.keys()].filter((at) => at < 200 || at > module.length - 30);
    let taken = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...places), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 3,
        }),
        (changes) => {
          const changed = module.slice();
          for (const [at, byte] of changes) changed[at] = byte;
          const split = takeModuleImage(changed);
          if (split === undefined) return;
          taken++;
          assert.equal(Wasm.validate(split.module), Wasm.validate(changed));
          if (!Wasm.validate(changed)) return;
          const expected = outcome(() => instantiate(changed));
          const actual = outcome(() => restored(split));
          assert.equal(actual === undefined, expected === undefined);
          if (expected !== undefined && actual !== undefined) assertSame(expected, actual);
        },
      ),
      { numRuns: 3_000, seed: 7 },
    );
    assert.ok(taken > 300, `${taken} were taken apart`);
  });
});

/** Undefined for a module that is valid and traps when it is instantiated. */
const outcome = (make: () => Exports): Exports | undefined => {
  try {
    return make();
  } catch {
    return undefined;
  }
};

const restored = ({ module, image }: NonNullable<ReturnType<typeof takeModuleImage>>): Exports => {
  const { memory, globals } = image;
  const segments = (memory?.segments ?? []).map(({ offset, bytes }) => ({
    offset,
    sizeBytes: bytes.length,
  }));
  const data = (memory?.segments ?? []).map(({ bytes }) => bytes);
  const own = memory === undefined ? {} : { memory: { ...memory, segments } };
  return withImage(module, { globals, ...own }, data);
};

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { PopmeshError } from '@popmesh/contracts';
import fc from 'fast-check';
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
} from '../testing/component-bytes.ts';
import { buildGuest } from '../testing/guests.ts';
import { checkComponent } from './component.ts';

const OPTIONS = { componentBytesMax: 8 * 1024 * 1024 };

const code = (bytes: Uint8Array): string => {
  try {
    checkComponent(bytes, OPTIONS);
    return 'ok';
  } catch (error) {
    return (error as PopmeshError).code;
  }
};

const messageOf = (bytes: Uint8Array): string => {
  try {
    checkComponent(bytes, OPTIONS);
    return 'ok';
  } catch (error) {
    return (error as PopmeshError).message;
  }
};

const limitOf = (bytes: Uint8Array): unknown => {
  try {
    checkComponent(bytes, OPTIONS);
    return 'ok';
  } catch (error) {
    return (error as PopmeshError).details.limit ?? (error as PopmeshError).message;
  }
};

describe('doors and imports', () => {
  test('the two doors are told apart by what is exported', () => {
    const own = checkComponent(
      component(
        imports('popmesh:function/host@0.2.0', 'popmesh:function/types@0.2.7'),
        handleExport,
      ),
      OPTIONS,
    );
    assert.equal(own.door, 'popmesh:function');
    const wasi = checkComponent(
      component(imports('wasi:http/types@0.2.3', 'wasi:filesystem/preopens@0.2.0'), httpExport),
      OPTIONS,
    );
    assert.equal(wasi.door, 'wasi:http');
    assert.equal(code(component()), 'invalid_component');
    assert.equal(code(component(handleExport, httpExport)), 'invalid_component');
    const instance = section(11, [1, 0, ...text('handle'), 5, 0, 0]);
    assert.equal(code(component(instance)), 'invalid_component');
  });

  test('every import outside the list is refused by name', () => {
    const refused: [readonly number[], string][] = [
      [handleExport, 'wasi:io/poll@0.2.0'],
      [handleExport, 'popmesh:function/host@0.1.0'],
      [handleExport, 'popmesh:function/host@0.2.0-rc'],
      [handleExport, 'popmesh:function/host'],
      [handleExport, 'evil:function/host@0.2.0'],
      [httpExport, 'wasi:sockets/raw@0.2.0'],
      [httpExport, 'wasi:sockets/tcp@0.3.0'],
      [handleExport, 'wasi:sockets/tcp@0.2.0'],
      [httpExport, 'wasi:http/types@0.3.0'],
      [httpExport, 'wasi:http/types@0.2.0.1'],
      [httpExport, 'popmesh:function/host@0.2.0'],
      [httpExport, 'wasi:filesystem/types@0.20.0'],
    ];
    for (const [door, name] of refused) {
      assert.throws(
        () => checkComponent(component(imports(name), [...door]), OPTIONS),
        (error: PopmeshError) =>
          error.code === 'import_not_allowed' && error.details.import === name,
        name,
      );
    }
  });

  test('a plain type import needs nothing of the host, a resource or a function does', () => {
    const typeImport = (bound: number[]) => section(10, [1, 0, ...text('request'), 3, ...bound]);
    assert.equal(code(component(typeImport([0, 0]), handleExport)), 'ok');
    assert.equal(code(component(typeImport([1]), handleExport)), 'import_not_allowed');
    const functionImport = section(10, [1, 0, ...text('log'), 1, 0]);
    assert.equal(code(component(functionImport, handleExport)), 'import_not_allowed');
  });
});

describe('structure caps', () => {
  const module = (...sections: number[][]) => section(1, coreModule(...sections));
  const repeat = <T>(times: number, make: (i: number) => T): T[] =>
    Array.from({ length: times }, (_, i) => make(i));

  test('each is refused under its own name, the value below it accepted', () => {
    const cases: [string, (n: number) => Uint8Array, number][] = [
      ['coreModulesMax', (n) => component(...repeat(n, () => module()), handleExport), 32],
      [
        'functionsMax',
        (n) => {
          // As many bodies as functions, or it is refused for that.
          const types = section(3, [...leb(n), ...repeat(n, () => 0)]);
          return component(
            module(types, section(10, [...leb(n), ...repeat(n, () => 0)])),
            handleExport,
          );
        },
        200_000,
      ],
      [
        'nestingMax',
        (n) => {
          let inner = component();
          for (let i = 2; i < n; i++) inner = component(nested(inner));
          return component(nested(inner), handleExport);
        },
        8,
      ],
      [
        'importsMax',
        (n) =>
          component(
            nested(component(imports(...repeat(100, (i) => `a:b/c${i}`)))),
            ...repeat(Math.floor((n - 100) / 100), () =>
              nested(component(imports(...repeat(100, (i) => `a:b/c${i}`)))),
            ),
            ...(n % 100 === 0 ? [] : [nested(component(imports('a:b/d')))]),
            handleExport,
          ),
        500,
      ],
      [
        'customSectionsBytesMax',
        (n) => component(section(0, new Array(n).fill(0)), handleExport),
        4 * 1024 * 1024,
      ],
      [
        'tableEntriesMax',
        (n) => component(module(section(4, [1, 0x70, 0, ...leb(n)])), handleExport),
        1_000_000,
      ],
      [
        'memoriesMax',
        (n) => component(module(section(5, [n, ...repeat(n, () => [0, 1]).flat()])), handleExport),
        8,
      ],
    ];
    for (const [name, make, max] of cases) {
      assert.equal(limitOf(make(max)), 'ok', `${name} at ${max}`);
      assert.equal(limitOf(make(max + 1)), name, `${name} above ${max}`);
      assert.match(
        messageOf(make(max + 1)),
        new RegExp(`^The component has more than ${max} [a-z ]+$`),
      );
    }
  });

  test('bytes are counted before they are read', () => {
    assert.equal(code(new Uint8Array(OPTIONS.componentBytesMax + 1)), 'payload_too_large');
  });

  test('names that could mean something in JavaScript are refused', () => {
    const named = (name: string) =>
      component(module(section(7, [1, ...text(name), 0, 0])), handleExport);
    for (const name of ['[async-lift]handle', 'cm32p2|wasi:io/poll@0.2|poll', '$imports', 'a-b']) {
      assert.equal(code(named(name)), 'ok', name);
    }
    for (const name of [
      "a'b",
      'a"b',
      'a`b',
      'a\\b',
      'a\nb',
      '$' + '{x}',
      'a;b',
      'é',
      'a*/b',
      'a(b)',
    ]) {
      assert.equal(code(named(name)), 'invalid_component', name);
    }
    assert.equal(code(named('__proto__')), 'invalid_component');
    const imported = component(
      module(section(2, [1, ...text("'"), ...text('x'), 0, 0])),
      handleExport,
    );
    assert.equal(code(imported), 'invalid_component');
  });

  test('garbage-collected types are refused, in groups and as subtypes, too', () => {
    const typed = (...types: readonly number[][]) =>
      component(module(section(1, [types.length, ...types.flat()])), handleExport);
    const [func, array, struct] = [
      [0x60, 1, 0x7f, 1, 0x64, 0x70],
      [0x5e, 0x7e, 1],
      [0x5f, 0],
    ];
    assert.equal(code(typed(func, [0x4e, 2, ...func, ...func], [0x50, 0, ...func])), 'ok');
    for (const type of [array, struct, [0x4e, 2, ...func, ...struct], [0x50, 0, ...array]]) {
      assert.equal(code(typed(func, type)), 'invalid_component');
    }
  });

  test('shared, 64-bit and huge memories are refused', () => {
    for (const flags of [2, 3, 4, 5, 8]) {
      assert.equal(
        code(component(module(section(5, [1, flags, 1, 1])), handleExport)),
        'invalid_component',
      );
    }
  });
});

describe('malformed input', () => {
  let guest: Uint8Array;
  before(async () => {
    guest = await buildGuest();
  });

  test('a real component passes', () => {
    const facts = checkComponent(guest, OPTIONS);
    assert.equal(facts.door, 'popmesh:function');
    assert.ok(facts.imports.includes('popmesh:function/host@0.2.0'));
  });

  test('a core module and something else are told apart', () => {
    assert.throws(() => checkComponent(Uint8Array.from(coreModule()), OPTIONS), /core module/);
    assert.equal(code(Buffer.from('GIF89a..')), 'invalid_component');
    assert.equal(code(new Uint8Array(0)), 'invalid_component');
  });

  test('cut anywhere, it ends in a refusal, never in a crash', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: guest.length - 1 }), (length) => {
        assert.notEqual(code(guest.subarray(0, length)), 'internal');
      }),
      { numRuns: 200 },
    );
  });

  test('with any bytes changed it is accepted or refused with a code', () => {
    const head = guest.slice(0, 200_000);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(head.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (edits) => {
          const bytes = head.slice();
          for (const [at, value] of edits) bytes[at] = value;
          assert.match(code(bytes), /^(?:ok|invalid_component|import_not_allowed)$/);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('arbitrary sections after a good header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        const outcome = code(component([...tail]));
        assert.match(outcome, /^(?:ok|invalid_component|import_not_allowed)$/);
      }),
      { numRuns: 500 },
    );
  });
});

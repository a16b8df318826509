import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { PopmeshError } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { byLength, sampled } from '../../../../scripts/test-length.ts';
import { transpileInChild } from '../prepare/run-child.ts';
import { buildGuest } from '../testing/guests.ts';
import {
  dummyOf,
  functionPackage,
  hostWorldsSource,
  WASI_VERSION,
  wasiPackages,
} from '../testing/host-worlds-source.ts';
import { HOST_WORLDS_FILE } from '../testing/write-host-worlds.ts';
import { checkComponent } from './component.ts';

/** Components made from WIT that is ours with one thing changed, through the child of an upload. */

const LIMITS = { deadlineMs: 30_000, heapMb: 1_024, outputBytesMax: 256 * 1024 * 1024 };
const never = new AbortController().signal;

async function outcomeOf(component: Uint8Array): Promise<PopmeshError | 'ok'> {
  try {
    const facts = checkComponent(component, { componentBytesMax: component.length });
    await transpileInChild(component, facts, LIMITS, realClock, never);
    return 'ok';
  } catch (error) {
    return error as PopmeshError;
  }
}

function changed(text: string, from: string, to: string): string {
  assert.ok(text.includes(from), from);
  return text.replace(from, to);
}

const PROXY = `package a:b;\nworld w { include wasi:http/proxy@${WASI_VERSION}; }\n`;
const http = (from: string, to: string): Promise<Uint8Array> =>
  dummyOf(PROXY + changed(wasiPackages(), from, to), 'w');
const own = (from: string, to: string): Promise<Uint8Array> =>
  dummyOf(changed(functionPackage(), from, to), 'function');

test('the committed worlds are those of the WIT', async () => {
  assert.equal(
    readFileSync(HOST_WORLDS_FILE, 'utf8'),
    await hostWorldsSource(),
    'run: node packages/runtime/src/testing/write-host-worlds.ts',
  );
});

describe('what fits', () => {
  test('all that is hosted, and less of it', async () => {
    assert.equal(await outcomeOf(await dummyOf(PROXY + wasiPackages(), 'w')), 'ok');
    assert.equal(await outcomeOf(await dummyOf(functionPackage(), 'function')), 'ok');
    const less = await http('get-random-u64: func() -> u64;', '');
    assert.equal(await outcomeOf(less), 'ok');
    assert.equal(
      await outcomeOf(await own('utf8-encode: func(text: string) -> list<u8>;', '')),
      'ok',
    );
  });

  test('any patch version of 0.2, of wasi and of ours', async () => {
    for (const version of sampled(['0.2.3', '0.2.0', '0.2.99'], 3)) {
      const wit = (PROXY + wasiPackages()).replaceAll(WASI_VERSION, version);
      assert.equal(await outcomeOf(await dummyOf(wit, 'w')), 'ok', version);
    }
    const later = functionPackage().replaceAll('function@0.2.0', 'function@0.2.9');
    assert.equal(await outcomeOf(await dummyOf(later, 'function')), 'ok');
  });

  test('types that a world takes from an interface by themselves', async () => {
    const world = `package a:b;
      world w {
        use wasi:http/types@${WASI_VERSION}.{scheme, fields};
        include wasi:http/proxy@${WASI_VERSION};
      }\n`;
    assert.equal(await outcomeOf(await dummyOf(world + wasiPackages(), 'w')), 'ok');
  });

  test('real ones', async () => {
    const rust = new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url);
    assert.equal(await outcomeOf(new Uint8Array(readFileSync(rust))), 'ok');
    assert.equal(await outcomeOf(await buildGuest()), 'ok');
  });
});

describe('what does not fit is refused, and the function is named', () => {
  let cases = 0;
  const imported = (name: string, make: () => Promise<Uint8Array>, details: object): void => {
    // Each takes a child of its own.
    if (cases++ % byLength(3, 1) !== 0) return;
    test(name, async () => {
      const error = await outcomeOf(await make());
      assert.ok(error !== 'ok', 'it was accepted');
      assert.equal(error.code, 'import_not_allowed', error.message);
      for (const [key, value] of Object.entries(details))
        assert.equal(error.details[key], value, JSON.stringify(error.details));
    });
  };
  const POLL = 'func(in: list<borrow<pollable>>) -> list<u32>';

  imported(
    'a result of another type',
    () => http(`poll: ${POLL}`, `poll: ${POLL.replace('u32', 'u64')}`),
    {
      import: `wasi:io/poll@${WASI_VERSION}`,
      function: 'poll',
      expected: POLL,
    },
  );
  imported('a parameter more', () => http('get-stdout: func()', 'get-stdout: func(a: u32)'), {
    import: `wasi:cli/stdout@${WASI_VERSION}`,
    function: 'get-stdout',
    expected: 'func() -> output-stream',
  });
  imported(
    'a parameter of another name',
    () => http('get-random-bytes: func(len:', 'get-random-bytes: func(length:'),
    {
      import: `wasi:random/random@${WASI_VERSION}`,
      function: 'get-random-bytes',
    },
  );
  imported(
    'a function that is not there',
    () => http('get-stderr: func()', 'more: func(); get-stderr: func()'),
    {
      import: `wasi:cli/stderr@${WASI_VERSION}`,
      function: 'more',
      expected: undefined,
    },
  );
  imported(
    'a method that is not there',
    () => http('status: func() -> status-code;', 'status: func() -> status-code; more: func();'),
    {
      import: `wasi:http/types@${WASI_VERSION}`,
      function: '[method]incoming-response.more',
    },
  );
  imported('a case more in a variant', () => http('    HTTPS,\n', '    HTTPS, gopher,\n'), {
    import: `wasi:http/types@${WASI_VERSION}`,
    function: 'scheme',
  });
  imported('a type that is another one', () => http('type duration = u64', 'type duration = u32'), {
    import: `wasi:clocks/monotonic-clock@${WASI_VERSION}`,
    function: 'duration',
  });
  imported(
    'a parameter of ours of another type',
    () => own('retain: func(id: u32)', 'retain: func(id: u64)'),
    {
      import: 'popmesh:function/host@0.2.0',
      function: 'retain',
      expected: 'func(id: u32)',
    },
  );
  imported(
    'a value that is a future',
    () =>
      own(
        'timer: func(wait: u32, ms: u32) -> u32',
        'timer: func(wait: u32, ms: u32) -> future<u32>',
      ),
    {
      import: 'popmesh:function/host@0.2.0',
      function: 'timer',
      expected: 'func(wait: u32, ms: u32) -> u32',
    },
  );
  imported('a function of ours that is not there', () => own('timer-cancel:', 'timer-kancel:'), {
    import: 'popmesh:function/host@0.2.0',
    function: 'timer-kancel',
  });
  imported('a record of ours with another field', () => own('status: u16', 'status: u32'), {
    import: 'popmesh:function/types@0.2.0',
    function: 'response',
  });

  imported(
    'a type of the world’s own',
    () =>
      dummyOf(PROXY.replace('include', 'record config { a: u32 }\ninclude') + wasiPackages(), 'w'),
    { import: 'config' },
  );

  const exported = (name: string, make: () => Promise<Uint8Array>, expected: string): void => {
    test(name, async () => {
      const error = await outcomeOf(await make());
      assert.ok(error !== 'ok', 'it was accepted');
      assert.equal(error.code, 'invalid_component', error.message);
      assert.equal(error.details.function, 'handle', JSON.stringify(error.details));
      assert.equal(error.details.expected, expected);
    });
  };
  const HANDLE = 'func(request: incoming-request, response-out: response-outparam)';
  const HANDLE_LINES =
    'handle: func(\n    request: incoming-request,\n    response-out: response-outparam\n  );';
  exported(
    'a handler of wasi without its parameters',
    () => http(HANDLE_LINES, 'handle: func();'),
    HANDLE,
  );
  exported(
    'a handler of wasi under another name',
    () => http(HANDLE_LINES, HANDLE_LINES.replace('handle', 'serve')),
    HANDLE,
  );
  const OWN = 'async func(id: u32, head: string, method-length: u32, url-length: u32, body: u32)';
  exported(
    'a handler of ours that does not wait',
    () => own('handle: async func', 'handle: func'),
    OWN,
  );
  exported(
    'a handler of ours that answers by returning',
    () => own('url-length: u32, body: u32);', 'url-length: u32, body: u32) -> string;'),
    OWN,
  );

  test('a component of ours without its second export', async () => {
    const error = await outcomeOf(
      await own('export settle: async func(wait: u32, value: u32);', ''),
    );
    assert.ok(error !== 'ok', 'it was accepted');
    assert.equal(error.code, 'invalid_component', error.message);
    assert.equal(error.details.function, 'settle', JSON.stringify(error.details));
  });
});

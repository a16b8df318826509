import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FavouriteSkeleton } from '../executor/favourite-skeleton.ts';
import { ModuleLoader } from '../executor/module-loader.ts';
import { createOutbound } from '../outbound/index.ts';
import { buildGuest } from '../testing/guests.ts';
import { Harness, testClock, testRandom } from '../testing/harness.ts';
import { BlankInstance, withBlank } from './blank-instance.ts';
import type { ComponentCode } from './component-code.ts';
import type { Door, DoorInstance, GuestRequest, InstanceContext } from './door.ts';
import { functionDoor } from './function-door.ts';
import { BytePipe } from './pipes.ts';
import { ComponentFiles } from './prepared-files.ts';

/** The second one's snapshot is a megabyte larger, and so is its memory. */
const guest = (extra: string): string => `
import host from 'popmesh:function/host@0.2.0';
const ballast = ${extra};
const DONE = { then: (resolve) => resolve() };
let calls = 0;
export function handle(id) {
  const name = JSON.parse(host.config()).function;
  host.respond(id, 200, '', name + ' ' + ++calls + ' ' + ballast.length);
  return DONE;
}
export const settle = () => DONE;`;

function contextOf(name: string): InstanceContext {
  return {
    config: { env: {}, function: name, version: 1, node: 'n', pop: 'p', region: 'r' },
    clock: testClock,
    outbound: createOutbound({
      hosts: [],
      concurrent: 1,
      total: 1,
      responseMb: 1,
      clock: testClock,
    }),
    pipeBufferBytes: 65_536,
    log: () => {},
    report: () => {},
    randomBytes: (length) => new Uint8Array(testRandom.bytes(length)),
    createPipe: () => new BytePipe(65_536),
    retain: () => {},
    release: () => {},
  };
}

async function answerOf(instance: DoorInstance): Promise<string> {
  const never = new AbortController().signal;
  const request: GuestRequest = {
    method: 'GET',
    url: 'http://a/',
    headers: [],
    body: { kind: 'none' },
  };
  const { body } = await instance.handle(1, request, never);
  instance.settle?.(1);
  assert.ok(body.kind === 'text');
  return body.text;
}

/** As a blank worker gets it, after functions with this code were started. */
function forBlank(...started: ComponentCode[]): ComponentCode {
  const favourite = new FavouriteSkeleton();
  for (const code of started) favourite.started(code, 'popmesh:function');
  assert.ok(favourite.message !== undefined);
  return favourite.message.code;
}

describe('a blank instance', () => {
  let harness: Harness;
  let small: ComponentCode;
  let large: ComponentCode;
  before(async () => {
    harness = await Harness.start();
    const loader = new ModuleLoader();
    const load = async (source: string): Promise<ComponentCode> =>
      loader.load(await harness.prepare(await buildGuest(source)));
    small = await load(guest("'small'"));
    large = await load(guest("'large'.repeat(20_000).split('')"));
    assert.equal(small.skeleton, large.skeleton);
  });
  after(() => harness.stop());

  const make = async (code: ComponentCode): Promise<BlankInstance> => {
    const blank = await BlankInstance.make(code, functionDoor, testClock);
    assert.ok(blank !== undefined);
    return blank;
  };

  test('becomes the function that takes it, like any other instance of it', async () => {
    for (const code of [small, large]) {
      const blank = await make(forBlank(small, large));
      assert.ok(blank.fits(code));
      const door = withBlank(functionDoor, code, blank);
      const name = code === small ? 'a/small' : 'a/large';
      const length = code === small ? 5 : 100_000;
      const files = new ComponentFiles(code);
      const first = await door.instantiate(files, contextOf(name));
      assert.equal(await answerOf(first), `${name} 1 ${length}`);
      assert.equal(await answerOf(first), `${name} 2 ${length}`);
      const whole = await functionDoor.instantiate(files, contextOf(name));
      assert.equal(await answerOf(whole), `${name} 1 ${length}`);
      // It is there once; the next is made for itself.
      const second = await door.instantiate(files, contextOf(name));
      assert.equal(await answerOf(second), `${name} 1 ${length}`);
      assert.equal(second.memoryBytes(), whole.memoryBytes());
      assert.equal(first.memoryBytes(), whole.memoryBytes());
    }
  });

  test('with a larger memory is not for a function with a smaller one', async () => {
    const blank = await make(forBlank(large));
    assert.ok(blank.fits(large));
    assert.equal(blank.fits(small), false);
    assert.equal(withBlank(functionDoor, small, blank), functionDoor);
    assert.equal(blank.fits({ ...large, skeleton: 'another' }), false);
  });

  test('is not made where any module runs code, and nothing is instantiated then', async () => {
    const code = forBlank(small);
    assert.ok(code.active.size > 0, 'the engine is one of them, and known');
    for (const name of code.modules.keys()) {
      const door: Door = {
        ...functionDoor,
        instantiate: () => assert.fail('it was instantiated'),
      };
      const active = new Set([name]);
      const strange = { ...code, active, isOwnEngine: false };
      assert.equal(await BlankInstance.make(strange, door, testClock), undefined);
      const favourite = new FavouriteSkeleton();
      favourite.started({ ...small, active, isOwnEngine: false }, 'popmesh:function');
      favourite.expect({ type: 'make-ready', door: 'popmesh:function', code: strange });
      assert.equal(favourite.message, undefined);
    }
  });

  test('is not made where code runs after the first module with an image', async () => {
    const code = forBlank(small);
    const active = new Set([...code.active, 'component.core3.wasm']);
    assert.equal(await BlankInstance.make({ ...code, active }, functionDoor, testClock), undefined);
  });

  test('holds whatever module the function that comes has an image of', async () => {
    const code = forBlank(small);
    const blank = await make({ ...code, images: code.images.slice(0, 1) });
    assert.ok(code.images.length > 1 && blank.fits(small));
    const door = withBlank(functionDoor, small, blank);
    const first = await door.instantiate(new ComponentFiles(small), contextOf('a/small'));
    assert.equal(await answerOf(first), 'a/small 1 5');
  });
});

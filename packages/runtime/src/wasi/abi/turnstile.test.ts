import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WASI_LIMITS } from '../limits.ts';
import { newTable } from './rig.ts';
import { type CoreHandle, Turnstile } from './turnstile.ts';

/** Microtasks only: what a wake-up needs. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await undefined;
};

function open(
  core: (request: object, outparam: object) => void,
  postReturn: () => void = () => {},
) {
  const requests = newTable<object>();
  const outparams = newTable<object>();
  const seen: string[] = [];
  const handle: CoreHandle = (request, outparam) =>
    core(requests.take(request), outparams.take(outparam));
  const turnstile = new Turnstile(
    { core: handle, requests, outparams, postReturn },
    {
      returned: () => void seen.push('returned'),
      trapped: (caught) => void seen.push(`trapped: ${(caught as Error).message}`),
    },
  );
  return { turnstile, seen };
}

test('one request after another, on one stack', async () => {
  const calls: unknown[] = [];
  const { turnstile, seen } = open((request, outparam) => calls.push([request, outparam]));
  for (let call = 0; call < 3; call++) {
    turnstile.enter({ request: call }, { outparam: call });
    await settle();
  }
  assert.deepEqual(
    calls,
    [0, 1, 2].map((call) => [{ request: call }, { outparam: call }]),
  );
  assert.deepEqual(seen, ['returned', 'returned', 'returned']);
});

test('nobody enters while one is inside, or after a trap', async () => {
  const inside: { turnstile?: Turnstile } = {};
  const { turnstile, seen } = open(() => {
    assert.throws(() => inside.turnstile?.enter({}, {}), /not waiting/);
    throw new Error('unreachable');
  });
  inside.turnstile = turnstile;
  turnstile.enter({}, {});
  assert.throws(() => turnstile.enter({}, {}), /not waiting/);
  await settle();
  assert.deepEqual(seen, ['trapped: unreachable']);
  assert.throws(() => turnstile.enter({}, {}), /not waiting/);
});

test('what has to run afterwards runs first, and may trap', async () => {
  let afterwards = 0;
  const { turnstile, seen } = open(
    () => seen.push('handle'),
    () => {
      seen.push('post-return');
      if (++afterwards === 2) throw new Error('unreachable');
    },
  );
  turnstile.enter({}, {});
  await settle();
  turnstile.enter({}, {});
  await settle();
  const first = ['handle', 'post-return', 'returned'];
  assert.deepEqual(seen, [...first, 'handle', 'post-return', 'trapped: unreachable']);
});

test('a guest that keeps every handle is told when it has too many', async () => {
  const requests = newTable<object>();
  const guest = { core: () => {}, requests, outparams: newTable<object>(), postReturn: () => {} };
  let returned = 0;
  const turnstile = new Turnstile(guest, { returned: () => returned++, trapped: assert.fail });
  turnstile.enter({}, {});
  await settle();
  while (returned < WASI_LIMITS.handles) {
    requests.add({});
    returned++;
  }
  assert.throws(() => turnstile.enter({}, {}), /more resources/);
  // It still sleeps, and ends in good order.
  turnstile.close(new Error('over'));
  await settle();
});

test('closed: one that sleeps is ended in silence, one that runs goes no further', async () => {
  const asleep = open(() => {});
  asleep.turnstile.close(new Error('over'));
  await settle();
  assert.deepEqual(asleep.seen, []);
  const holder: { turnstile?: Turnstile } = {};
  const running = open(() => holder.turnstile?.close(new Error('over')));
  holder.turnstile = running.turnstile;
  running.turnstile.enter({}, {});
  await settle();
  assert.deepEqual(running.seen, ['returned']);
  assert.throws(() => running.turnstile.enter({}, {}), /not waiting/);
});

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Harness } from '../testing/harness.ts';

/** The Rust example through real executor processes. */

const COMPONENT = new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url);
const id = 'default/hello-rust';
let harness: Harness;

before(async () => {
  harness = await Harness.start();
  const component = new Uint8Array(await readFile(COMPONENT));
  const config = {
    scaling: { max: 1 },
    env: { GREETING: 'Hello' },
    limits: { timeoutMs: 300_000 },
  };
  await harness.deploy(id, config, component);
});
after(() => harness.stop());

test('requests that wait do not hold the thread: others are answered in between', async () => {
  const leave = new AbortController();
  let woken = 0;
  const sleepers = Array.from({ length: 7 }, async () => {
    await harness.call(id, '/sleep?250000', { signal: leave.signal });
    woken++;
  });
  // The only worker has one place left, and all of these go through it.
  for (let call = 0; call < 20; call++) {
    assert.equal((await harness.call(id, '/')).text, 'Hello from Rust in the middle of nowhere\n');
  }
  assert.equal(woken, 0);
  // Their clients go; the places are free again at once, not after minutes.
  leave.abort();
  await Promise.allSettled(sleepers);
  const many = Array.from({ length: 16 }, () => harness.call(id, '/sleep?1'));
  for (const { text } of await Promise.all(many)) assert.equal(text, 'slept 1 ms\n');
});

test('large bodies go both ways at once, for several clients, one of them slow', async () => {
  const size = 6 * 1024 * 1024;
  const bodies = Array.from({ length: 6 }, (_, index) => Buffer.alloc(size, `${index}abcdefg`));
  const answers = await Promise.all(
    bodies.map(async (body, index) => {
      const response = await harness.open(id, '/echo', { method: 'POST', body });
      const parts: Buffer[] = [];
      for await (const part of response) {
        parts.push(part as Buffer);
        if (index === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return Buffer.concat(parts);
    }),
  );
  for (const [index, answer] of answers.entries()) {
    assert.ok(answer.equals(bodies[index] as Buffer), `client ${index}`);
  }
});

test('HEAD has the headers and no body, and the connection goes on', async () => {
  for (let call = 0; call < 3; call++) {
    const head = await harness.call(id, '/', { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(head.body.length, 0);
    assert.equal((await harness.call(id, '/')).status, 200);
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { BodyWatch } from './body-watch.ts';
import { Holdings } from './holdings.ts';
import type { Ledger } from './ledger.ts';
import { IncomingBody } from './request-body.ts';

/** Chunks of one byte, as a client may send them: what is held of them is bytes, not objects. */

const BYTES = 60_000;

function receiving({ hasLength = false } = {}) {
  const req = new Readable({ read() {} });
  const ledger = { wait() {}, letGo() {}, hold() {} } as unknown as Ledger;
  // Each of its 4,096 pieces takes long enough to be a dialogue's.
  let now = 0;
  const clock = {
    monotonic: () => {
      now += 10_001;
      return now;
    },
  };
  const bodies = { add() {}, delete() {}, idleMs: 1_000 } as unknown as BodyWatch;
  const body = new IncomingBody(
    req as IncomingMessage,
    {
      heldBytesMax: 64 * 1024,
      bytesMax: 1024 * 1024,
      streams: true,
      hasLength,
      client: new Holdings(),
      tenant: new Holdings(),
    },
    { ledger, bodies, clock },
    { bodyReady() {}, refuse: assert.ifError, cut: assert.ifError },
    0,
  );
  return { req, body };
}

const expected = Buffer.from(Array.from({ length: BYTES }, (_, i) => i & 0xff));

test('what came in small pieces is held in few', async () => {
  const { req, body } = receiving();
  await turn();
  for (let i = 0; i < BYTES; i++) req.push(Buffer.from([i & 0xff]));
  req.push(null);
  await turn();
  await turn();
  const again = body.open();
  let pieces = 0;
  const got: Buffer[] = [];
  again.on('data', (piece: Buffer) => {
    pieces++;
    got.push(piece);
  });
  await once(again, 'end');
  assert.deepEqual(Buffer.concat(got), expected);
  assert.ok(pieces <= 257, `${pieces} pieces`);
  assert.deepEqual(body.whole(), expected);
});

test('a node is not given the head of an upload before its first byte', async () => {
  // undici would open a connection and say nothing on it, and the node would end that after 5 s.
  const { req, body } = receiving({ hasLength: true });
  await turn();
  assert.equal(body.mayGoEarly(), false);
  req.push(Buffer.alloc(1));
  await turn();
  assert.equal(body.mayGoEarly(), true);
  assert.equal(receiving().body.mayGoEarly(), true, 'one in chunks may be a dialogue');
});

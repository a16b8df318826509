import type { Clock } from '@popmesh/contracts';
import { createRing } from '../ring/byte-ring.ts';
import { Inbox } from '../ring/inbox.ts';
import { Outbox } from '../ring/outbox.ts';
import { writeRequest } from '../ring/records.ts';
import { assemble } from './assemble.ts';
import type { ComponentCode } from './component-code.ts';
import type { Door } from './door.ts';
import { type Batch, CELL, type LoadMessage } from './wire.ts';

/**
 * Lets a blank worker answer a few requests by itself: through the same rings, loop and pool, by
 * an instance that is none. V8 compiles functions when they are called first, and this way that
 * is not while somebody waits: a first request is 1.5 ms shorter. No code of any guest runs.
 */

/** After these, V8 has seen the types it will meet. */
const REQUESTS = 4;
const HEADER_LINES = 'host: rehearsal\naccept: */*\n';
const ANSWER_LINES = 'content-type: text/plain\n';

const noGuest: Door = {
  instanceConcurrency: 'config',
  instantiate: async (_files, context) => ({
    handle: async () => ({
      status: 200,
      headers: [],
      headerLines: ANSWER_LINES,
      body: { kind: 'text', text: ANSWER_LINES },
    }),
    memoryBytes: () => 0,
    dispose: () => context.outbound.dispose(),
  }),
};

export async function rehearse(code: ComponentCode, clock: Clock): Promise<void> {
  const toWorker = createRing();
  const fromWorker = createRing();
  const schedule = (run: () => void): void => void setImmediate(run);
  let answered = (): void => {};
  const message = messageOf(code, toWorker, fromWorker);
  const worker = assemble({
    message,
    code,
    door: noGuest,
    clock,
    post: (batch) => inbox.receive(batch),
  });
  const outbox = new Outbox({
    ring: toWorker,
    post: (batch: Batch) => heard.receive(batch),
    schedule,
  });
  const inbox = new Inbox({
    ring: fromWorker,
    schedule,
    onBroken: () => {},
    onWork: () => {},
    onRecord: () => answered(),
    onBatch: () => {},
  });
  await worker.pool.warm();
  const heard = worker.listen();
  for (let id = 1; id <= REQUESTS; id++) {
    const answer = new Promise<void>((resolve) => {
      answered = resolve;
    });
    writeRequest(outbox, id, id, `${id}`, 'GET', 'http://rehearsal/', HEADER_LINES, undefined);
    await answer;
  }
  worker.pool.disposeAll();
}

const messageOf = (
  code: ComponentCode,
  toWorker: SharedArrayBuffer,
  fromWorker: SharedArrayBuffer,
): LoadMessage => ({
  type: 'load',
  door: 'popmesh:function',
  code,
  cells: new Int32Array(new SharedArrayBuffer(CELL.length * 4)),
  toWorker,
  fromWorker,
  config: { env: {}, function: '', version: 0, node: '', pop: '', region: '' },
  outboundHosts: [],
  outboundAllowPrivate: [],
  outboundDeny: [],
  limits: { memoryMb: 1, outboundConcurrent: 1, outboundTotal: 1, outboundMb: 1, logKb: 1 },
  isolation: 'instance',
  concurrency: 1,
  pipeBufferBytes: 1_024,
  instanceCallsMax: 1_000,
  instanceMemoryRetirePercent: 100,
  logLineBytesMax: 1_024,
});

import { parentPort } from 'node:worker_threads';
import { PopmeshError } from '@popmesh/contracts';
import { clockFrom } from '../clock-from.ts';
import type { Inbox } from '../ring/inbox.ts';
import { wasiHttpDoor } from '../wasi/door.ts';
import { assemble } from './assemble.ts';
import { type BlankInstance, makeBlank, withBlank } from './blank-instance.ts';
import { type CommonCode, withCommon } from './component-code.ts';
import type { Door, DoorName } from './door.ts';
import { functionDoor } from './function-door.ts';
import { giveBack } from './give-back.ts';
import { rehearse } from './rehearsal.ts';
import type { RequestLoop } from './request-loop.ts';
import type { Batch, LoadMessage, MakeReadyMessage, WorkerReply } from './wire.ts';

/**
 * Entry of a worker thread: blank until one `load` message makes it the slot of one function
 * version. Its first batch may follow at once. A spinning guest is ended from outside, by
 * terminating this thread. Everything is imported up front: a spare pays for it, not a request.
 */

const port = parentPort;
if (port === null) throw new Error('this is the entry of a worker thread');

// A turn of this thread's event loop is marked where work begins: at messages and timers.
let loop: RequestLoop | undefined;
let inbox: Inbox | undefined;
/** What came by message before the first instance stood. */
const early: Batch[] = [];
const clock = clockFrom({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (ms, run) => {
    const handle = setTimeout(() => {
      loop?.beginTurn();
      run();
    }, ms);
    return { cancel: () => clearTimeout(handle) };
  },
});

const reply = (message: WorkerReply): void => port.postMessage(message);

const doorOf = (name: DoorName): Door => (name === 'wasi:http' ? wasiHttpDoor : functionDoor);

/** Made while nobody waits, for the skeleton that this process starts most. */
let blank: Promise<BlankInstance | undefined> = Promise.resolve(undefined);

/** What it was made ready with, which the load message then leaves out. */
let common: CommonCode | undefined;

/** Resolves to what begins with the requests that stand behind the message. */
async function load(message: LoadMessage): Promise<() => void> {
  const first = await blank;
  // One that does not fit is let go.
  blank = Promise.resolve(undefined);
  const code = withCommon(message.code, common);
  common = undefined;
  const door = withBlank(doorOf(message.door), code, first);
  const post = (batch: Batch, transfer: ArrayBuffer[]): void => port?.postMessage(batch, transfer);
  const assembled = assemble({ message, code, door, clock, post });
  loop = assembled.loop;
  await assembled.pool.warm();
  return () => {
    inbox = assembled.listen();
    for (const batch of early.splice(0)) inbox.receive(batch);
    // At once: a turn of the event loop would be a tenth of a cold start.
    inbox.drain();
    giveBack({ code, loop: assembled.loop, cells: message.cells, clock, reply });
  };
}

async function makeReady({ code, door }: MakeReadyMessage): Promise<BlankInstance | undefined> {
  common = code;
  const made = await makeBlank(code, doorOf(door), clock);
  // Without it a first request is longer, no more.
  await rehearse(code, clock).catch(() => {});
  return made;
}

process.on('unhandledRejection', (reason) => loop?.crash(reason));
process.on('uncaughtException', (error) => loop?.crash(error));

port.on('message', (message: LoadMessage | MakeReadyMessage | Batch) => {
  if (Array.isArray(message)) {
    if (inbox === undefined) early.push(message);
    else inbox.receive(message);
    return;
  }
  if (message.type === 'make-ready') {
    blank = makeReady(message);
    void blank.then(() => reply({ type: 'made-ready' }));
    return;
  }
  load(message).then(
    (begin) => {
      // Said first: from here on the thread is watched, and the first request may be a loop.
      const { user, system } = process.threadCpuUsage();
      reply({ type: 'loaded', cpuMicros: user + system });
      begin();
    },
    (caught: unknown) => {
      const error = PopmeshError.from(caught, 'invalid_component');
      reply({ type: 'load-failed', code: error.code, message: error.message.slice(0, 2_000) });
    },
  );
});

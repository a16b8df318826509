import { webcrypto } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { PopmeshError } from '@popmesh/contracts';
import { clockFrom } from '../clock-from.ts';
import { createOutbound } from '../outbound/index.ts';
import { Inbox } from '../ring/inbox.ts';
import { Outbox } from '../ring/outbox.ts';
import { writeLog } from '../ring/records.ts';
import { wasiHttpDoor } from '../wasi/door.ts';
import { createContextFactory } from './context.ts';
import { functionDoor } from './function-door.ts';
import { InstancePool } from './instance-pool.ts';
import { preparedFiles } from './prepared-files.ts';
import { RequestLoop } from './request-loop.ts';
import { type Batch, FROM_WORKER, LOG_LEVELS, type LoadMessage, type WorkerReply } from './wire.ts';

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

async function load(message: LoadMessage): Promise<void> {
  const { limits, door: doorName, isolation, concurrency } = message;
  const door = doorName === 'wasi:http' ? wasiHttpDoor : functionDoor;
  const memoryLimitBytes = limits.memoryMb * 1024 * 1024;
  const schedule = (run: () => void): void => void setImmediate(run);
  const outbox = new Outbox({
    ring: message.fromWorker,
    post: (batch, transfer) => port?.postMessage(batch, transfer),
    schedule,
  });
  const contexts = createContextFactory({
    message,
    clock,
    createOutbound,
    randomBytes: (length) => webcrypto.getRandomValues(new Uint8Array(length)),
    log: (level, text, requestId) => {
      if (!writeLog(outbox, LOG_LEVELS.indexOf(level), text, requestId)) {
        outbox.push(FROM_WORKER.log, level, text, requestId);
      }
      // At once, since a turn that is ended from outside never comes to its end; `log_kb` bounds
      // how often.
      outbox.flush();
    },
    requestIdOf: (id) => loop?.running.get(id)?.requestId ?? '',
    onlyRequestId: () => {
      const running = loop?.running;
      return running?.size === 1 ? (running.values()[0]?.requestId ?? '') : '';
    },
    onRetained: (count) => outbox.push(FROM_WORKER.retained, count),
    onReleased: (instance) => pool.released(instance),
  });
  const pool = new InstancePool({
    door,
    files: preparedFiles(message.glueUrl, message.modules),
    createContext: contexts.create,
    mode:
      isolation === 'request' ? 'fresh' : door.instanceConcurrency === 1 ? 'exclusive' : 'shared',
    callsMax: message.instanceCallsMax,
    memoryRetireBytes: (memoryLimitBytes * message.instanceMemoryRetirePercent) / 100,
    spares: Math.min(concurrency, SPARE_INSTANCES_MAX),
    onDiscard: contexts.forget,
  });
  const requests = new RequestLoop({
    pool,
    outbox,
    cells: message.cells,
    pipeBufferBytes: message.pipeBufferBytes,
    memoryLimitBytes,
    explain: contexts.explain,
    schedule,
  });
  loop = requests;
  inbox = new Inbox({
    ring: message.toWorker,
    schedule,
    patience: IDLE_TURNS,
    onBroken: (error) => {
      throw error;
    },
    onWork: () => requests.beginTurn(),
    between: (run) => queueMicrotask(() => process.nextTick(run)),
    onRecord: (reader) => requests.receiveRecord(reader),
    onBatch: (batch) => requests.receive(batch),
  });
  await pool.warm();
}

/** Fresh instances made ahead of need, each with a memory of its own. */
const SPARE_INSTANCES_MAX = 4;
/** Turns of the event loop in which this thread looks for more before it sleeps. */
const IDLE_TURNS = 1;

process.on('unhandledRejection', (reason) => loop?.crash(reason));
process.on('uncaughtException', (error) => loop?.crash(error));

port.on('message', (message: LoadMessage | Batch) => {
  if (Array.isArray(message)) {
    inbox?.receive(message);
    return;
  }
  load(message).then(
    () => reply({ type: 'loaded' }),
    (caught: unknown) => {
      const error = PopmeshError.from(caught, 'invalid_component');
      reply({ type: 'load-failed', code: error.code, message: error.message.slice(0, 2_000) });
    },
  );
});

import { webcrypto } from 'node:crypto';
import type { Clock } from '@popmesh/contracts';
import { createOutbound } from '../outbound/index.ts';
import { Inbox } from '../ring/inbox.ts';
import { Outbox } from '../ring/outbox.ts';
import { writeLog } from '../ring/records.ts';
import type { ComponentCode } from './component-code.ts';
import { createContextFactory } from './context.ts';
import type { Door } from './door.ts';
import { InstancePool, type PoolOptions } from './instance-pool.ts';
import { ComponentFiles } from './prepared-files.ts';
import { RequestLoop } from './request-loop.ts';
import { type Batch, FROM_WORKER, LOG_LEVELS, type LoadMessage } from './wire.ts';

/** Everything of a slot's worker, put together: from the ring to the instances and back. */

export interface AssembleOptions {
  readonly message: LoadMessage;
  readonly code: ComponentCode;
  readonly door: Door;
  readonly clock: Clock;
  readonly post: (batch: Batch, transfer: ArrayBuffer[]) => void;
}

export interface Assembled {
  readonly loop: RequestLoop;
  readonly pool: InstancePool;
  /** Begins with what came meanwhile. */
  listen(): Inbox;
}

const PAGE_BYTES = 65_536;
/** Fresh instances made ahead of need, each with a memory of its own. */
const SPARE_INSTANCES_MAX = 4;

export function assemble({ message, code, door, clock, post }: AssembleOptions): Assembled {
  const { limits, isolation, concurrency } = message;
  const memoryLimitBytes = limits.memoryMb * 1024 * 1024;
  // A JavaScript function begins with its image and its stack, which are no sign of growth.
  const firstBytes = code.images.reduce(
    (total, { memory }) => total + (memory?.pages ?? 0) * PAGE_BYTES,
    0,
  );
  const leftBytes = Math.max(0, memoryLimitBytes - firstBytes);
  const schedule = (run: () => void): void => void setImmediate(run);
  const outbox = new Outbox({ ring: message.fromWorker, post, schedule });
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
    requestIdOf: (id) => loop.running.get(id)?.requestId ?? '',
    onlyRequestId: () => {
      const { running } = loop;
      return running.size === 1 ? (running.values()[0]?.requestId ?? '') : '';
    },
    onRetained: (count) => outbox.push(FROM_WORKER.retained, count),
    onReleased: (instance) => instance.pool.released(instance),
  });
  const mode =
    isolation === 'request' ? 'fresh' : door.instanceConcurrency === 1 ? 'exclusive' : 'shared';
  const options: PoolOptions = {
    door,
    files: new ComponentFiles(code),
    createContext: contexts.create,
    mode,
    callsMax: message.instanceCallsMax,
    memoryRetireBytes: firstBytes + (leftBytes * message.instanceMemoryRetirePercent) / 100,
    spares: Math.min(concurrency, SPARE_INSTANCES_MAX),
    onDiscard: contexts.forget,
  };
  const pool = new InstancePool(options);
  const loop = new RequestLoop({
    pool,
    // Where each request has an instance of its own anyway, it is the same.
    apart: mode === 'shared' ? new InstancePool({ ...options, mode: 'exclusive' }) : pool,
    outbox,
    cells: message.cells,
    pipeBufferBytes: message.pipeBufferBytes,
    memoryLimitBytes,
    explain: contexts.explain,
    schedule,
  });
  const listen = (): Inbox =>
    new Inbox({
      ring: message.toWorker,
      schedule,
      onBroken: (error) => {
        throw error;
      },
      onWork: () => loop.beginTurn(),
      // Each request runs as far as it can before the next begins: so a loop is known by its own.
      between: (run) => queueMicrotask(() => process.nextTick(run)),
      onRecord: (reader) => loop.receiveRecord(reader),
      onBatch: (batch) => loop.receive(batch),
    });
  return { loop, pool, listen };
}

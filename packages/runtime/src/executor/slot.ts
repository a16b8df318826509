import type { Worker } from 'node:worker_threads';
import { type LogLevel, PopmeshError } from '@popmesh/contracts';
import { IdMap } from '../id-map.ts';
import { createRing, type RingReader } from '../ring/byte-ring.ts';
import { Inbox } from '../ring/inbox.ts';
import { Outbox } from '../ring/outbox.ts';
import {
  RECORD,
  readLog,
  recordKind,
  responseBody,
  responseId,
  responseLines,
  responseStatus,
  writeRequest,
} from '../ring/records.ts';
import {
  type Batch,
  BODY_KIND,
  CELL,
  FROM_WORKER,
  type KeepMessage,
  LOG_LEVELS,
  type LoadMessage,
  TO_WORKER,
  type WorkerReply,
} from '../worker/wire.ts';
import type { Invocation, Runner } from './invocation.ts';

/**
 * One worker thread that serves one function version, seen from the HTTP thread: what runs
 * in it, what it says, and its end.
 */

export interface SlotHooks {
  readonly schedule: (run: () => void) => void;
  /** Room for one more: an invocation left the slot. */
  onRoom(slot: Slot): void;
  /** The thread is gone. `lost` were running; `unstarted` may be given to another. */
  onEnded(slot: Slot, lost: Invocation[], unstarted: Invocation[]): void;
  /** Another request trapped the instance that had it. It is in this slot no longer. */
  onLost(invocation: Invocation): void;
  onTrap(shapes: number): void;
  onLog(level: LogLevel, message: string, requestId: string): void;
  onKeep(message: KeepMessage): void;
}

/** With no answer in between; then the next request goes to a fresh thread. */
const TIMEOUTS_IN_A_ROW_MAX = 3;

export type Loaded = Extract<WorkerReply, { type: 'loaded' }>;

export class Slot implements Runner {
  readonly worker: Worker;
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly inflight = new IdMap<Invocation>();
  /** Over for the client, not yet for the guest. */
  readonly zombies = new Set<number>();
  state: 'loading' | 'ready' | 'retiring' | 'ended' = 'loading';
  /** The first instance stood: before that no guest has seen anything. */
  hasLoaded = false;
  idleSinceMs = 0;
  retained = 0;
  traps = 0;
  /** Requests that ran out of time since the guest last answered one. */
  timeoutsInARow = 0;
  readonly cpu = { polling: false, polledMs: 0, totalMicros: 0, turn: 0, turnMicros: 0 };
  readonly #hooks: SlotHooks;
  readonly #toWorker = createRing();
  readonly #fromWorker = createRing();
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  #sequence = 0;

  constructor(worker: Worker, hooks: SlotHooks) {
    this.worker = worker;
    this.#hooks = hooks;
    this.cells = new Int32Array(new SharedArrayBuffer(CELL.length * 4));
    const { schedule } = hooks;
    this.#outbox = new Outbox({
      ring: this.#toWorker,
      post: (batch, transfer) => worker.postMessage(batch, transfer),
      schedule,
    });
    this.#inbox = new Inbox({
      ring: this.#fromWorker,
      schedule,
      expects: () => this.inflight.size > 0 || this.zombies.size > 0,
      onBroken: () => void this.end(),
      onWork: () => {},
      onRecord: (reader) => this.#receiveRecord(reader),
      onBatch: (batch) => this.#receive(batch),
    });
  }

  /** Resolves when the first instance stands. */
  load(message: Omit<LoadMessage, 'type' | 'cells' | 'toWorker' | 'fromWorker'>): Promise<Loaded> {
    return new Promise((resolve, reject) => {
      this.worker.on('message', (said: Batch | WorkerReply) => {
        if (Array.isArray(said)) this.#inbox.receive(said);
        else if (said.type === 'loaded') {
          this.hasLoaded = true;
          if (this.state === 'loading') this.state = 'ready';
          resolve(said);
        } else if (said.type === 'keep') this.#hooks.onKeep(said);
        else if (said.type === 'load-failed') {
          reject(PopmeshError.fromJSON({ code: said.code, message: said.message }));
          void this.end();
        }
      });
      this.worker.once('exit', () => {
        reject(new PopmeshError('executor_failed', 'The worker ended while it loaded'));
        this.#onExit();
      });
      this.worker.on('error', (cause) => {
        reject(new PopmeshError('executor_failed', 'The worker failed', { cause }));
      });
      this.worker.postMessage({
        ...message,
        type: 'load',
        cells: this.cells,
        toWorker: this.#toWorker,
        fromWorker: this.#fromWorker,
      });
    });
  }

  get memoryBytes(): number {
    return Atomics.load(this.cells, CELL.memoryPages) * PAGE_BYTES;
  }

  run(invocation: Invocation): void {
    const { options } = invocation;
    invocation.runner = this;
    invocation.sequence = this.#sequence = (this.#sequence + 1) | 0;
    invocation.dispatchedMs = options.host.now();
    this.inflight.set(invocation.id, invocation);
    this.#inbox.stayAwake();
    const { id, sequence, bodyKind, body } = invocation;
    const { requestId, method, url, headerLines } = options;
    const whole = bodyKind !== BODY_KIND.pipe;
    if (
      whole &&
      writeRequest(this.#outbox, id, sequence, requestId, method, url, headerLines, body)
    ) {
      return;
    }
    this.#outbox.push(
      TO_WORKER.request,
      id,
      sequence,
      requestId,
      method,
      url,
      headerLines,
      bodyKind,
      body ?? invocation.contentLength,
    );
  }

  /**
   * A guest that does not notice that its requests are over, traps again and again, or answers none
   * any more: one request may have broken what all of them need.
   */
  isWorn(concurrency: number, trapsMax: number): boolean {
    return (
      this.zombies.size > concurrency ||
      this.traps >= trapsMax ||
      this.timeoutsInARow >= TIMEOUTS_IN_A_ROW_MAX
    );
  }

  /** Of a slot that does not load: they go back to where they waited. */
  takeBack(): Invocation[] {
    const waiting = [...this.inflight.values()];
    this.inflight.clear();
    return waiting;
  }

  sendChunk(id: number, bytes: Uint8Array): void {
    this.#outbox.push(TO_WORKER.chunk, id, bytes);
  }

  sendEnd(id: number, error: string, trailers: string): void {
    this.#outbox.push(TO_WORKER.end, id, error, trailers);
  }

  sendCredit(id: number, bytes: number): void {
    this.#outbox.push(TO_WORKER.credit, id, bytes);
  }

  abandon(invocation: Invocation): void {
    if (!this.inflight.delete(invocation.id) || this.state === 'ended') return;
    this.zombies.add(invocation.id);
    this.#outbox.push(TO_WORKER.abort, invocation.id);
    this.#hooks.onRoom(this);
  }

  /** Whether the guest was handed this invocation. */
  wasStarted(invocation: Invocation): boolean {
    // Counters of 32 bits that wrap.
    return ((Atomics.load(this.cells, CELL.started) - invocation.sequence) | 0) >= 0;
  }

  async end(): Promise<void> {
    if (this.state !== 'ended') this.state = 'retiring';
    await this.worker.terminate();
  }

  #receiveRecord(reader: RingReader): void {
    if (recordKind(reader) === RECORD.log) {
      const { level, message, requestId } = readLog(reader);
      this.#hooks.onLog(LOG_LEVELS[level] ?? 'info', message, requestId);
      return;
    }
    const id = responseId(reader);
    const invocation = this.inflight.get(id);
    const status = responseStatus(reader);
    const body = responseBody(reader);
    const lines = responseLines(reader);
    this.timeoutsInARow = 0;
    this.#settle(id);
    invocation?.respond(status, lines, BODY_KIND.latin1, body);
  }

  #receive(batch: Batch): void {
    for (let at = 1; at < batch.length; ) {
      const operation = batch[at] as number;
      const id = batch[at + 1] as number;
      switch (operation) {
        case FROM_WORKER.response: {
          this.timeoutsInARow = 0;
          const kind = batch[at + 4] as number;
          const invocation = this.inflight.get(id);
          if (kind !== PIPE) this.#settle(id);
          invocation?.respond(
            batch[at + 2] as number,
            batch[at + 3] as string,
            kind,
            batch[at + 5],
          );
          at += 6;
          break;
        }
        case FROM_WORKER.chunk:
          this.inflight.get(id)?.chunk(batch[at + 2] as Uint8Array);
          at += 3;
          break;
        case FROM_WORKER.end: {
          const invocation = this.inflight.get(id);
          this.#settle(id);
          invocation?.end(batch[at + 2] as string, batch[at + 3] as string);
          at += 4;
          break;
        }
        case FROM_WORKER.failed: {
          const invocation = this.inflight.get(id);
          this.#settle(id);
          const body = { code: batch[at + 2], message: batch[at + 3] };
          invocation?.fail(PopmeshError.fromJSON(body, 'function_trapped'));
          at += 4;
          break;
        }
        case FROM_WORKER.lost: {
          const invocation = this.inflight.get(id);
          this.#settle(id);
          if (invocation !== undefined) this.#hooks.onLost(invocation);
          at += 2;
          break;
        }
        case FROM_WORKER.credit:
          this.inflight.get(id)?.credit(batch[at + 2] as number);
          at += 3;
          break;
        case FROM_WORKER.log:
          this.#hooks.onLog(
            batch[at + 1] as LogLevel,
            batch[at + 2] as string,
            batch[at + 3] as string,
          );
          at += 4;
          break;
        case FROM_WORKER.retained:
          this.retained = id;
          at += 2;
          break;
        case FROM_WORKER.instances:
          this.traps = batch[at + 3] as number;
          this.#hooks.onTrap(batch[at + 4] as number);
          this.#hooks.onRoom(this);
          at += 5;
          break;
        default:
          throw new Error(`unknown operation ${operation} from a worker`);
      }
    }
  }

  #settle(id: number): void {
    if (!this.inflight.delete(id)) this.zombies.delete(id);
    this.#hooks.onRoom(this);
  }

  #onExit(): void {
    if (this.state === 'ended') return;
    // What it said before it ended counts; the room that this makes is nobody's.
    this.state = 'retiring';
    this.#inbox.drain();
    this.state = 'ended';
    const lost: Invocation[] = [];
    const unstarted: Invocation[] = [];
    for (const invocation of this.inflight.values()) {
      if (!this.wasStarted(invocation) && invocation.replayable) unstarted.push(invocation);
      else lost.push(invocation);
    }
    this.inflight.clear();
    this.zombies.clear();
    this.#hooks.onEnded(this, lost, unstarted);
  }
}

const PIPE = 3;
const PAGE_BYTES = 65_536;

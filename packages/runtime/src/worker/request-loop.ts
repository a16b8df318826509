import { PopmeshError } from '@popmesh/contracts';
import { SHAPE } from '../executor/suspicion.ts';
import { IdMap } from '../id-map.ts';
import type { RingReader } from '../ring/byte-ring.ts';
import type { Outbox } from '../ring/outbox.ts';
import { readRequest, writeResponse } from '../ring/records.ts';
import type { Body, GuestRequest, GuestResponse, HeaderList, Pipe } from './door.ts';
import { toHeaderLines, toHeaderList } from './header-lines.ts';
import type { InstancePool, PooledInstance } from './instance-pool.ts';
import { BytePipe } from './pipes.ts';
import { type Batch, BODY_KIND, CELL, FIELDS_TO_WORKER, FROM_WORKER, TO_WORKER } from './wire.ts';

/**
 * The worker's side of the wire: takes what comes, runs each request in an instance of the
 * pool, sends back heads, bodies and failures. Exactly one settling operation per request.
 */

export interface RequestLoopOptions {
  readonly pool: InstancePool;
  /** For requests that must not share an instance with others now. */
  readonly apart: InstancePool;
  readonly outbox: Outbox;
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly pipeBufferBytes: number;
  readonly memoryLimitBytes: number;
  /** Shows the reason for a failure in the function's log. */
  readonly explain: (error: PopmeshError, requestId: string) => void;
  /** Runs its argument in a later turn. */
  readonly schedule: (run: () => void) => void;
}

export interface RunningRequest {
  readonly id: number;
  readonly requestId: string;
  readonly abort: AbortController;
  /** Of what kind it is; see executor/suspicion.ts. */
  shape: number;
  instance: PooledInstance | undefined;
  requestPipe: BytePipe | undefined;
  settled: boolean;
  /** Bytes of the response body that may still be sent. */
  creditBytes: number;
  onCredit: (() => void) | undefined;
}

/** Made lazily: the async door never asks for the list. */
class WireRequest implements GuestRequest {
  readonly method: string;
  readonly url: string;
  readonly headerLines: string;
  readonly body: Body;

  constructor(method: string, url: string, headerLines: string, body: Body) {
    this.method = method;
    this.url = url;
    this.headerLines = headerLines;
    this.body = body;
  }

  get headers(): HeaderList {
    return toHeaderList(this.headerLines);
  }
}

const NO_BODY: Body = { kind: 'none' };
const PAGE_BYTES = 65_536;
/** Failures after which the instance cannot be used again. */
const FATAL = new Set(['function_trapped', 'internal']);
/** One instance each; further requests share one. Each may have all of the function's memory. */
const APART_MAX = 32;
/** Share of the limit above which a trap is put down to memory. */
const MEMORY_EXHAUSTED_SHARE = 0.9;

export class RequestLoop {
  readonly #options: RequestLoopOptions;
  readonly running = new IdMap<RunningRequest>();
  #traps = 0;

  constructor(options: RequestLoopOptions) {
    this.#options = options;
  }

  receiveRecord(reader: RingReader): void {
    const { id, sequence, requestId, method, url, headerLines, body } = readRequest(reader);
    const request = this.#begin(id, sequence, requestId);
    const guestBody: Body = body === undefined ? NO_BODY : { kind: 'bytes', bytes: body };
    void this.#run(request, new WireRequest(method, url, headerLines, guestBody));
  }

  receive(batch: Batch): void {
    for (let at = 1; at < batch.length; ) {
      const operation = batch[at] as number;
      const id = batch[at + 1] as number;
      if (operation === TO_WORKER.request) this.#receiveRequest(batch, at + 1);
      else if (operation === TO_WORKER.abort) this.#abort(id);
      else {
        const request = this.running.get(id);
        const value = batch[at + 2];
        if (operation === TO_WORKER.chunk) request?.requestPipe?.push(value as Uint8Array);
        else if (operation === TO_WORKER.end)
          request?.requestPipe?.close(value as string, batch[at + 3] as string);
        else if (operation === TO_WORKER.credit && request !== undefined) {
          request.creditBytes += value as number;
          request.onCredit?.();
        }
      }
      at += 1 + (FIELDS_TO_WORKER[operation] ?? batch.length);
    }
  }

  /** Marks that the event loop turned: what was running before has yielded. */
  beginTurn(): void {
    const { cells } = this.#options;
    Atomics.store(cells, CELL.startedBeforeTurn, Atomics.load(cells, CELL.started));
    Atomics.add(cells, CELL.turn, 1);
  }

  /** An exception that no promise carried: whoever is inside is lost. */
  crash(caught: unknown): void {
    const cause = caught instanceof Error ? caught : new Error(String(caught));
    const error = new PopmeshError('function_trapped', 'The function failed outside a request', {
      cause,
    });
    const instances = new Set(this.running.values().map((request) => request.instance));
    this.#options.explain(error, '');
    for (const request of this.running.values()) this.#fail(request, error, true);
    for (const instance of instances) if (instance !== undefined) this.#lose(instance, SHAPE.any);
  }

  #receiveRequest(batch: Batch, at: number): void {
    const [id, sequence, requestId, method, url, headerLines, bodyKind, content] = batch.slice(
      at,
      at + 8,
    ) as [number, number, string, string, string, string, number, unknown];
    const request = this.#begin(id, sequence, requestId);
    let body: Body = NO_BODY;
    if (bodyKind === BODY_KIND.bytes) body = { kind: 'bytes', bytes: content as Uint8Array };
    else if (bodyKind === BODY_KIND.pipe) {
      const pipe = this.#createRequestPipe(id);
      request.requestPipe = pipe;
      const length = content as number;
      body = { kind: 'pipe', pipe, ...(length >= 0 ? { lengthBytes: length } : {}) };
    }
    void this.#run(request, new WireRequest(method, url, headerLines, body));
  }

  #begin(id: number, sequence: number, requestId: string): RunningRequest {
    const request: RunningRequest = {
      id,
      requestId,
      abort: new AbortController(),
      shape: SHAPE.any,
      instance: undefined,
      requestPipe: undefined,
      settled: false,
      creditBytes: this.#options.pipeBufferBytes,
      onCredit: undefined,
    };
    this.running.set(id, request);
    Atomics.store(this.#options.cells, CELL.started, sequence);
    return request;
  }

  #createRequestPipe(id: number): BytePipe {
    const { outbox } = this.#options;
    return new BytePipe(this.#options.pipeBufferBytes, {
      onConsumed: (bytes) => outbox.push(FROM_WORKER.credit, id, bytes),
    });
  }

  async #run(request: RunningRequest, guestRequest: GuestRequest): Promise<void> {
    request.shape = guestRequest.body.kind === 'none' ? SHAPE.withoutBody : SHAPE.withBody;
    const pool = this.#poolFor(request);
    let instance: PooledInstance;
    try {
      instance = pool.take() ?? (await pool.acquire());
    } catch (caught) {
      this.#explainAndFail(request, PopmeshError.from(caught, 'function_trapped'));
      return;
    }
    request.instance = instance;
    try {
      if (instance.door === undefined) throw new PopmeshError('internal', 'no instance');
      const response = await instance.door.handle(request.id, guestRequest, request.abort.signal);
      await this.#respond(request, response);
      instance.door.settle?.(request.id);
    } catch (caught) {
      let error = PopmeshError.from(caught, 'function_trapped');
      // A guest that caught its failed allocation is well; one that trapped is not, whatever
      // the trap is called.
      const fatal = FATAL.has(error.code) || instance.door?.broken === true;
      // Its door says so of those whose turn it was not.
      const isLost = error.code === 'executor_failed' && instance.door?.broken === true;
      if (error.code === 'function_trapped') error = this.#memoryOrTrap(error, instance);
      if (isLost) this.#handBack(request, error);
      else this.#explainAndFail(request, error);
      instance.door?.settle?.(request.id);
      if (fatal) this.#lose(instance, isLost ? SHAPE.any : request.shape);
    }
    request.requestPipe?.cancel();
    pool.release(instance);
    if (pool.hasSpares) this.#options.schedule(() => pool.refill());
  }

  #poolFor({ shape }: RunningRequest): InstancePool {
    const { pool, apart, cells } = this.#options;
    if ((Atomics.load(cells, CELL.alone) & shape) === 0) return pool;
    return apart.busy < APART_MAX ? apart : pool;
  }

  async #respond(request: RunningRequest, response: GuestResponse): Promise<void> {
    const { outbox } = this.#options;
    const { body } = response;
    const lines = response.headerLines ?? toHeaderLines(response.headers);
    if (request.settled) {
      if (body.kind === 'pipe') body.pipe.cancel();
      return;
    }
    if (body.kind === 'pipe') {
      const length = body.lengthBytes ?? -1;
      const { status } = response;
      outbox.push(FROM_WORKER.response, request.id, status, lines, BODY_KIND.pipe, length);
      const abandon = (): void => body.pipe.cancel();
      request.abort.signal.addEventListener('abort', abandon, { once: true });
      if (request.abort.signal.aborted) abandon();
      await this.#pump(request, body.pipe);
      return;
    }
    this.#settle(request);
    let content: string | Uint8Array | undefined;
    let kind: number = BODY_KIND.none;
    if (body.kind === 'text') {
      content = body.text;
      kind = BODY_KIND.text;
    } else if (body.kind === 'bytes') {
      content = body.bytes;
      kind = BODY_KIND.bytes;
    }
    const { status } = response;
    if (!writeResponse(outbox, request.id, status, lines, content)) {
      outbox.push(FROM_WORKER.response, request.id, status, lines, kind, content);
    }
  }

  async #pump(request: RunningRequest, pipe: Pick<Pipe, 'read' | 'trailers'>): Promise<void> {
    const { outbox } = this.#options;
    let error = '';
    try {
      for (;;) {
        const bytes = await pipe.read();
        if (bytes === undefined || request.settled) break;
        request.creditBytes -= bytes.length;
        outbox.pushBytes(FROM_WORKER.chunk, request.id, bytes);
        while (request.creditBytes <= 0 && !request.abort.signal.aborted && !request.settled) {
          await new Promise<void>((resolve) => {
            request.onCredit = resolve;
          });
        }
      }
    } catch (caught) {
      error = caught instanceof Error ? caught.message || 'broken' : 'broken';
    }
    if (request.settled) return;
    this.#settle(request);
    const trailers = error === '' ? (pipe.trailers ?? '') : '';
    outbox.push(FROM_WORKER.end, request.id, error.slice(0, 500), trailers);
  }

  #abort(id: number): void {
    const request = this.running.get(id);
    if (request === undefined) return;
    request.abort.abort(new PopmeshError('cancelled', 'The request has ended'));
    request.requestPipe?.close('the request has ended');
    request.onCredit?.();
  }

  #memoryOrTrap(error: PopmeshError, instance: PooledInstance): PopmeshError {
    const used = instance.door?.memoryBytes() ?? 0;
    const limit = this.#options.memoryLimitBytes;
    if (used < limit * MEMORY_EXHAUSTED_SHARE) return error;
    return new PopmeshError('memory_limit_exceeded', 'The function ran out of memory', {
      details: { limit: 'memory_mb', max: limit / 1024 / 1024 },
      cause: error.cause,
    });
  }

  #explainAndFail(request: RunningRequest, error: PopmeshError): void {
    // Without a cause the guest has reported it already, with the author's stack.
    const reported = error.code === 'function_threw' && error.cause === undefined;
    if (!request.settled && error.code !== 'cancelled' && !reported) {
      this.#options.explain(error, request.requestId);
    }
    this.#fail(request, error, false);
  }

  /** The others in a trapped instance can never end by themselves. */
  #lose(instance: PooledInstance, shapes: number): void {
    if (instance.broken) return;
    const { pool, apart, outbox } = this.#options;
    this.#traps++;
    instance.pool.discard(instance);
    // First, so that those which are repeated are kept apart already.
    const made = pool === apart ? pool.made : pool.made + apart.made;
    outbox.push(FROM_WORKER.instances, this.#memoryBytes(), made, this.#traps, shapes);
    const lost = new PopmeshError('executor_failed', 'Another request trapped the instance');
    for (const request of this.running.values()) {
      if (request.instance === instance) this.#handBack(request, lost);
    }
  }

  /** Whether it can be repeated is known on the other side. */
  #handBack(request: RunningRequest, error: PopmeshError): void {
    if (request.settled) return;
    this.#settle(request);
    this.#options.outbox.push(FROM_WORKER.lost, request.id);
    request.abort.abort(error);
    request.onCredit?.();
  }

  #memoryBytes(): number {
    const { pool, apart } = this.#options;
    return pool.memoryBytes() + (pool === apart ? 0 : apart.memoryBytes());
  }

  #fail(request: RunningRequest, error: PopmeshError, abort: boolean): void {
    if (request.settled) return;
    this.#settle(request);
    this.#options.outbox.push(FROM_WORKER.failed, request.id, error.code, error.message);
    if (abort) request.abort.abort(error);
    request.onCredit?.();
  }

  #settle(request: RunningRequest): void {
    request.settled = true;
    this.running.delete(request.id);
    const { cells } = this.#options;
    Atomics.store(cells, CELL.memoryPages, this.#memoryBytes() / PAGE_BYTES);
    // A request that ends is progress, as a turn is.
    Atomics.add(cells, CELL.turn, 1);
  }
}

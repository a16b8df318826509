import type { LogLevel } from '@popmesh/contracts';
import type { RingMemory } from '../ring/byte-ring.ts';
import type { ComponentCode, OwnCode } from './component-code.ts';
import type { DoorName, InstanceConfig } from './door.ts';

/**
 * What the HTTP thread and a worker say to each other by message: all that is too large for the
 * ring between them (ring/records.ts) or too rare for it. One flat array of operations per
 * event-loop turn: structured clone of one array of primitives costs a fraction of one object
 * per message.
 */

/** HTTP thread to worker: the operation, then its fields in this order. */
export const TO_WORKER = {
  /** id, sequence, requestId, method, url, headerLines, bodyKind, body */
  request: 1,
  /** id, bytes */
  chunk: 2,
  /** id, error ('' for a clean end), trailers as lines */
  end: 3,
  /** id */
  abort: 4,
  /** id, bytes consumed of the response body */
  credit: 5,
} as const;

/** Worker to HTTP thread. Every request gets one `settled` in the end. */
export const FROM_WORKER = {
  /** id, status, headerLines, bodyKind, body; with any body kind but `pipe` it settles, too */
  response: 1,
  /** id, bytes */
  chunk: 2,
  /** id, error, trailers as lines; settles */
  end: 3,
  /** id, code, message; settles */
  failed: 4,
  /** id, bytes consumed of the request body */
  credit: 5,
  /** level, message, requestId */
  log: 6,
  /** count of requests whose work outlives the response */
  retained: 7,
  /** bytes of all linear memories, instances made, traps, the kinds of request that trapped (executor/suspicion.ts) */
  instances: 8,
  /** id; settles: another request trapped its instance, or it came to none */
  lost: 9,
} as const;

export const FIELDS_TO_WORKER: Readonly<Record<number, number>> = { 1: 8, 2: 2, 3: 3, 4: 1, 5: 2 };

/** `latin1`: a string with one character per byte, made of a record by the HTTP thread. */
export const BODY_KIND = { none: 0, bytes: 1, text: 2, pipe: 3, latin1: 4 } as const;

/** Operations from index 1 (see ring/inbox.ts). */
export type Batch = unknown[];

/** Cells of the memory that both threads see (Int32Array over a SharedArrayBuffer). */
export const CELL = {
  /** Raised with every turn of the worker's event loop and every request that ends. */
  turn: 0,
  /** Highest sequence whose request was handed to the guest. */
  started: 1,
  /** `started` when the present turn began. */
  startedBeforeTurn: 2,
  /** Pages of all linear memories when a request last ended. */
  memoryPages: 3,
  /** CPU that other threads spent for the guest since it was last looked at. */
  offThreadMicros: 4,
  /** Kinds of request that get an instance of their own (executor/suspicion.ts). */
  alone: 5,
  length: 6,
} as const;

export interface WorkerLimits {
  readonly memoryMb: number;
  readonly outboundConcurrent: number;
  readonly outboundTotal: number;
  readonly outboundMb: number;
  readonly logKb: number;
}

/** The one message that turns a blank worker into a function's slot. */
export interface LoadMessage {
  readonly type: 'load';
  readonly door: DoorName;
  /** Without the common part to a worker that was made ready for this skeleton. */
  readonly code: ComponentCode | OwnCode;
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly toWorker: RingMemory;
  readonly fromWorker: RingMemory;
  readonly config: InstanceConfig;
  readonly outboundHosts: readonly string[];
  readonly outboundAllowPrivate: readonly string[];
  readonly outboundDeny: readonly string[];
  readonly limits: WorkerLimits;
  readonly isolation: 'instance' | 'request';
  readonly concurrency: number;
  readonly pipeBufferBytes: number;
  readonly instanceCallsMax: number;
  readonly instanceMemoryRetirePercent: number;
  readonly logLineBytesMax: number;
}

/** To a blank worker: it may become a function with this skeleton. */
export interface MakeReadyMessage {
  readonly type: 'make-ready';
  readonly door: DoorName;
  readonly code: ComponentCode;
}

/** From a worker that has served requests: what the next one need not read or compile. */
export interface KeepMessage {
  readonly type: 'keep';
  /** See `GlueText.codeCache`. */
  readonly codeCache: Uint8Array | undefined;
  /** Verified, by the path that each was read from. */
  readonly images: readonly (readonly [path: string, bytes: SharedArrayBuffer])[];
}

export type WorkerReply =
  /** With the CPU time that the thread has taken so far, which is the platform's. */
  | { readonly type: 'loaded'; readonly cpuMicros: number }
  | KeepMessage
  /** After `make-ready`, whatever came of it: nothing more of that is going on. */
  | { readonly type: 'made-ready' }
  | { readonly type: 'load-failed'; readonly code: string; readonly message: string };

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

import type { Clock, LogLevel } from '@popmesh/contracts';

/**
 * What stands between the worker and one kind of component: the two doors
 * (`popmesh:function`, `wasi:http`) implement `Door`, the worker knows nothing else
 * of them. Refused: one class with branches per door, since the two share no step
 * between "a request" and "a response".
 *
 * Everything here lives in one worker thread.
 */

export type DoorName = 'popmesh:function' | 'wasi:http';

/** Bytes on their way through the worker, with backpressure. One reader, one writer. */
export interface Pipe {
  /** The next bytes (never empty), undefined at the clean end. Rejects with `PipeBroken`. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when more may be written; false when the reader is gone. Takes ownership of `bytes`. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** The writer is done: a clean end, or broken when `error` is given. Later calls are ignored. */
  close(error?: string): void;
  /** The reader wants no more; a waiting write resolves false. */
  cancel(): void;
  /** Fields behind the bytes, as header lines: set before the clean end, read after it. */
  trailers?: string | undefined;
}

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** `lengthBytes` when a content-length promised one. */
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly lengthBytes?: number };

/** Names in lower case, values without line breaks; a name may occur more than once. */
export type HeaderList = [name: string, value: string][];

export interface GuestRequest {
  readonly method: string;
  /** Absolute, normalised. */
  readonly url: string;
  readonly headers: HeaderList;
  /** The same as `name: value` lines, each ended by a line feed, where that form was at hand. */
  readonly headerLines?: string;
  readonly body: Body;
}

export interface GuestResponse {
  readonly status: number;
  readonly headers: HeaderList;
  /** Instead of `headers` (then empty), by a door that has them in this form. */
  readonly headerLines?: string;
  readonly body: Body;
  /** Of an outbound answer: where it came from, when redirects were followed. */
  readonly url?: string;
}

/** What the guest may know of itself; `popmesh:function/host.config` answers this as JSON. */
export interface InstanceConfig {
  readonly env: Readonly<Record<string, string>>;
  readonly function: string;
  readonly version: number;
  readonly node: string;
  readonly pop: string;
  readonly region: string;
}

export interface OutboundOptions {
  /** Hosts the function may reach (`api.example.com`, `*.example.org`); default deny. */
  readonly hosts: readonly string[];
  /** Per request that runs in the instance. */
  readonly concurrent: number;
  readonly total: number;
  /** Of one response. */
  readonly responseMb: number;
  readonly clock: Clock;
  /** `127.0.0.1:1234`: an operator's exceptions to "public addresses only"; `hosts` still holds. */
  readonly allowPrivate?: readonly string[];
  /** Addresses of the mesh itself, with or without a port: never reached. */
  readonly deny?: readonly string[];
  /** Default `follow`; for wasi:http guests `manual`, since that standard knows no following. */
  readonly redirect?: RedirectMode;
}

export type RedirectMode = 'follow' | 'manual' | 'error';

/**
 * The function's way out; one per instance. The guest's calls cannot be told apart by
 * request (QuickJS runs many in one instance), so allowances are granted per running
 * request: `begin`/`end` bracket each.
 */
export interface Outbound {
  /** Rejects with a `PopmeshError` (`outbound_denied`, `outbound_limit_exceeded`, `peer_unavailable`…). */
  fetch(
    request: GuestRequest,
    signal: AbortSignal,
    redirect?: RedirectMode,
  ): Promise<GuestResponse>;
  begin(): void;
  end(): void;
  /** Aborts what runs and frees the sockets that belong to this instance. */
  dispose(): void;
}

/** Exported by src/outbound/index.ts as `createOutbound`. */
export type CreateOutbound = (options: OutboundOptions) => Outbound;

export interface InstanceContext {
  readonly config: InstanceConfig;
  readonly clock: Clock;
  readonly outbound: Outbound;
  /** Of a pipe's buffer between two ends. */
  readonly pipeBufferBytes: number;
  /** Bounded and rate-limited behind this call. `requestId` is the id given to `handle`. */
  log(level: LogLevel, message: string, requestId?: number): void;
  /** An error nobody caught: shown in the function's log with its stack. */
  report(message: string, stack: string, requestId?: number): void;
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
  /** CPU that another thread spent for the guest; counts like its own. */
  charge?(micros: number): void;
  /** A new in-memory pipe of `pipeBufferBytes`. */
  createPipe(): Pipe;
  /** Work that outlives the response: the instance is kept until counts match. */
  retain(requestId: number): void;
  release(requestId: number): void;
}

/** TypeScript's Node types know only `WebAssembly.Module`. */
export interface CoreInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** What jco wrote: `instantiate` of the glue, in instantiation mode 'async'. */
export interface Glue {
  instantiate(
    getCoreModule: (path: string) => WebAssembly.Module | Promise<WebAssembly.Module>,
    imports: Record<string, unknown>,
    instantiateCore?: (
      module: WebAssembly.Module,
      imports: Record<string, unknown>,
    ) => CoreInstance | Promise<CoreInstance>,
  ): Promise<Record<string, unknown>>;
}

/** The verified files of one prepared component, as a worker sees them. */
export interface PreparedFiles {
  /** Compiles the glue once per worker; later calls give the same. */
  glue(): Promise<Glue>;
  /** Compiled once per executor process. */
  coreModule(path: string): WebAssembly.Module;
  /** Called right after a core module was instantiated, before the next one is. */
  created?(module: WebAssembly.Module, exports: Readonly<Record<string, unknown>>): void;
}

export interface Door {
  /**
   * Requests that one instance can serve at once; 'config' means what the function's scaling
   * says. 1 where the export is lifted synchronously: the pool then uses more instances.
   */
  readonly instanceConcurrency: number | 'config';
  instantiate(files: PreparedFiles, context: InstanceContext): Promise<DoorInstance>;
}

export interface DoorInstance {
  /**
   * Runs one request. Rejects with a `PopmeshError` (`function_trapped`, `function_threw`,
   * `invalid_response`, …); after `function_trapped` the instance is never used again.
   * `signal` aborts when the client has gone or the deadline passed.
   * Resolving means the head is there; a `pipe` body goes on after it.
   */
  handle(id: number, request: GuestRequest, signal: AbortSignal): Promise<GuestResponse>;
  /** True when it must not be used again, also when that was found after a response's head. */
  readonly broken?: boolean;
  /** The request is over, its response body included; after a `handle` that resolved. */
  settle?(id: number): void;
  /** Of all linear memories together. */
  memoryBytes(): number;
  dispose(): void;
}

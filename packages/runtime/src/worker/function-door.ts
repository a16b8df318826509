import { PopmeshError } from '@popmesh/contracts';
import type {
  CoreInstance,
  Door,
  DoorInstance,
  GuestRequest,
  GuestResponse,
  InstanceContext,
  PreparedFiles,
} from './door.ts';
import { FunctionHost } from './function-host.ts';
import type { GuestPipe } from './guest-pipes.ts';
import type { GuestRequestState } from './guest-requests.ts';
import { toHeaderLines } from './header-lines.ts';
import { describeTrap, guestStack } from './trap.ts';

/**
 * The `popmesh:function` door: flat values in, flat values out, many requests at once. Every
 * entry into the guest is one plain call that ends before anything else happens here; what
 * takes time comes back as a `settle`. A request that is answered in its first turn, as most
 * are, costs no listener of its own.
 */

/** TypeScript's Node types know only `WebAssembly.Module`. */
const Wasm = (globalThis as unknown as { WebAssembly: CoreApi }).WebAssembly;
interface CoreApi {
  readonly Instance: new (
    module: WebAssembly.Module,
    imports: Record<string, unknown>,
  ) => CoreInstance;
  readonly Memory: new () => { buffer: ArrayBuffer };
}

/** A promise only where the glue's text was not as expected (prepare/direct-guest-calls.ts). */
type Entered = Promise<unknown> | undefined;

interface GuestExports {
  handle(id: number, head: string, methodLength: number, urlLength: number, body: number): Entered;
  settle(wait: number, value: number): Entered;
}

export const functionDoor: Door = {
  instanceConcurrency: 'config',
  async instantiate(files: PreparedFiles, context: InstanceContext): Promise<DoorInstance> {
    const instance = new FunctionInstance(context);
    const glue = await files.glue();
    const exports = await glue.instantiate(
      (path) => files.coreModule(path),
      Object.freeze(
        Object.assign(Object.create(null), {
          'popmesh:function/host': instance.host.imports,
          'popmesh:function/types': Object.freeze(Object.create(null)),
        }),
      ),
      (module, imports) => {
        const core = instantiateCore(module, imports, instance.memories);
        files.created?.(module, core.exports);
        return core;
      },
    );
    const { handle, settle } = exports as unknown as Partial<GuestExports>;
    if (typeof handle !== 'function' || typeof settle !== 'function') {
      throw new PopmeshError('invalid_component', 'The component exports no "settle"', {
        hint: 'Build it again with the "popmesh build" of this version.',
      });
    }
    instance.exports = { handle, settle };
    return instance;
  },
};

/** Synchronous, since the module is compiled already; collects every memory on the way. */
export function instantiateCore(
  module: WebAssembly.Module,
  imports: Record<string, unknown>,
  memories: Set<{ buffer: ArrayBuffer }>,
): CoreInstance {
  const instance = new Wasm.Instance(module, imports);
  for (const value of Object.values(instance.exports)) {
    if (value instanceof Wasm.Memory) memories.add(value);
  }
  return instance;
}

/** First of the header lines with which the guest's platform says that the author's code threw. */
const FUNCTION_ERROR_HEADER = 'popmesh-function-error:';
const MEMORY_ERROR_HEADER = `${FUNCTION_ERROR_HEADER} memory`;
/** What `handle` is told of a request's body; any other number is a pipe's. */
const BODY = { none: 0, whole: 1 } as const;

/** What the executor lets pass as it is and URL parsing would still refuse or change. */
const ODD = /xn--|^[a-z]+:\/\/[^/]*:\d{5}/;

function normalised(url: string): string {
  if (!ODD.test(url)) return url;
  const parsed = URL.parse(url);
  if (parsed === null) {
    throw new PopmeshError('invalid_argument', 'The request has no valid URL');
  }
  return parsed.href;
}

class FunctionInstance implements DoorInstance {
  broken = false;
  readonly host: FunctionHost;
  readonly memories = new Set<{ buffer: ArrayBuffer }>();
  exports: GuestExports | undefined;
  readonly #context: InstanceContext;
  #inside = false;
  /** What was settled while the guest was inside one of our functions. */
  readonly #later: [wait: number, value: number, owner: number][] = [];

  constructor(context: InstanceContext) {
    this.#context = context;
    this.host = new FunctionHost(context, (wait, value, owner) => this.#settle(wait, value, owner));
  }

  async handle(id: number, request: GuestRequest, signal: AbortSignal): Promise<GuestResponse> {
    const { requests, pipes } = this.host;
    if (this.broken) throw new PopmeshError('executor_failed', 'The instance has trapped');
    const { method, body } = request;
    const url = normalised(request.url);
    let whole: Uint8Array | undefined;
    let number: number = BODY.none;
    if (body.kind === 'pipe') number = pipes.add(body.pipe as GuestPipe);
    else if (body.kind !== 'none') {
      whole = body.kind === 'text' ? Buffer.from(body.text) : body.bytes;
      if (whole.length > 0) number = BODY.whole;
    }
    const state = requests.begin(id, signal, whole, number > BODY.whole ? number : 0);
    this.host.lastReport = undefined;
    this.#context.outbound.begin();
    const lines = request.headerLines ?? toHeaderLines(request.headers);
    const head = `${method}${url}\n${lines}`;
    this.#enter(id, (exports) => exports.handle(id, head, method.length, url.length, number));
    if (state.response !== undefined || state.failure !== undefined) return this.#answer(state);
    return await this.#wait(state);
  }

  settle(id: number): void {
    const state = this.host.requests.end(id);
    if (state === undefined) return;
    if (state.pipe > 0) {
      this.host.pipes.get(state.pipe)?.cancel();
      this.host.pipes.remove(state.pipe);
    }
    this.#context.outbound.end();
  }

  memoryBytes(): number {
    let total = 0;
    for (const memory of this.memories) total += memory.buffer.byteLength;
    return total;
  }

  dispose(): void {
    this.broken = true;
    this.host.dispose();
  }

  #settle(wait: number, value: number, owner: number): void {
    if (this.broken) return;
    if (this.#inside) this.#later.push([wait, value, owner]);
    else this.#enter(owner, (exports) => exports.settle(wait, value));
  }

  /** Never throws: a trap ends every request that is in hand. */
  #enter(owner: number, call: (exports: GuestExports) => Entered): void {
    const { exports, host } = this;
    if (exports === undefined) return;
    this.#inside = true;
    host.requests.current = owner;
    try {
      call(exports)?.catch((caught: unknown) => this.#trap(owner, caught));
    } catch (caught) {
      this.#trap(owner, caught);
    }
    host.requests.current = 0;
    this.#inside = false;
    const next = this.#later.shift();
    if (next !== undefined) this.#settle(...next);
  }

  /** `owner` is the request in whose turn it was; the others are lost with the instance. */
  #trap(owner: number, caught: unknown): void {
    if (this.broken) return;
    this.broken = true;
    this.#later.length = 0;
    const { requests, lastReport } = this.host;
    const error = caught instanceof PopmeshError ? caught : describeTrap(caught, lastReport);
    const lost = new PopmeshError('executor_failed', 'Another request trapped the instance');
    const others = requests.all().filter((state) => state.id !== owner);
    if (requests.get(owner)?.response === undefined) requests.fail(owner, error);
    // After its answer, or in work that outlived it: nobody waits for this error but the log.
    if (requests.get(owner)?.failure === undefined) {
      const { cause } = error;
      this.#context.report(error.message, cause instanceof Error ? guestStack(cause) : '');
    }
    for (const state of others) requests.fail(state.id, lost);
    this.host.dispose();
  }

  async #wait(state: GuestRequestState): Promise<GuestResponse> {
    const { signal } = state;
    await new Promise<void>((resolve) => {
      state.answered = resolve;
      signal.addEventListener('abort', () => this.#aborted(state), { once: true });
      if (signal.aborted) this.#aborted(state);
    });
    return this.#answer(state);
  }

  /** The guest may go on for a while; its answer, should one come, goes nowhere. */
  #aborted(state: GuestRequestState): void {
    const { requests, fetches } = this.host;
    // With others in the instance nobody knows whose fetches these are; the guest does.
    if (requests.size === 1 && requests.get(state.id) === state) fetches.abortAll();
    requests.fail(state.id, new PopmeshError('cancelled', 'The request has ended'));
  }

  #answer(state: GuestRequestState): GuestResponse {
    const { response, failure } = state;
    if (response === undefined) {
      this.settle(state.id);
      throw failure ?? new PopmeshError('internal', 'A request was woken without an answer');
    }
    const { status, headerLines = '' } = response;
    // Said by the platform in the guest, which caught the exception: the instance is well.
    if (status === 500 && headerLines.startsWith(FUNCTION_ERROR_HEADER)) {
      this.settle(state.id);
      if (headerLines.startsWith(MEMORY_ERROR_HEADER)) {
        throw new PopmeshError('memory_limit_exceeded', 'The function ran out of memory', {
          details: { limit: 'memory_mb' },
        });
      }
      throw new PopmeshError('function_threw', 'The function threw an error');
    }
    return response;
  }
}

import { PopmeshError } from '@popmesh/contracts';
import type {
  CoreInstance,
  Door,
  DoorInstance,
  GuestRequest,
  GuestResponse,
  InstanceContext,
  PreparedFiles,
} from '../worker/door.ts';
import { describeTrap } from '../worker/trap.ts';
import type { Lowering } from './abi/lowering.ts';
import { type Entrance, type EntranceEvents, Turnstile } from './abi/turnstile.ts';
import { Exchange } from './exchange.ts';
import { createImports } from './imports.ts';
import { WASI_LIMITS } from './limits.ts';
import { Lifetime } from './readiness.ts';
import { LineSink } from './standard-streams.ts';

export { wasiTranspileOptions } from './transpile-options.ts';

/**
 * The door for components that other toolchains make: `wasi:http/incoming-handler` 0.2.x.
 * One request at a time per instance: its export is lifted synchronously, and the component
 * model lets nobody in while such a call is suspended.
 */
export const wasiHttpDoor: Door = {
  instanceConcurrency: 1,
  instantiate: (files, context) => WasiInstance.create(files, context),
};

interface LinearMemory {
  readonly buffer: ArrayBufferLike;
}
interface MeasuredMemory {
  readonly memory: LinearMemory;
  buffer: ArrayBufferLike;
}

/** TypeScript's Node types know only `WebAssembly.Module`. */
const Wasm = (globalThis as unknown as { WebAssembly: CoreApi }).WebAssembly;
interface CoreApi {
  readonly Instance: new (
    module: WebAssembly.Module,
    imports: Record<string, unknown>,
  ) => CoreInstance;
  readonly Memory: new () => LinearMemory;
}

type Handle = (request: unknown, outparam: unknown) => Promise<unknown>;

class WasiInstance implements DoorInstance {
  readonly #context: InstanceContext;
  readonly #lifetime = new Lifetime();
  readonly #memories: MeasuredMemory[] = [];
  readonly #stdout: LineSink;
  readonly #stderr: LineSink;
  #entrance: Entrance | undefined;
  /** Of the request that is inside the guest. */
  #exchange: Exchange | undefined;
  #unwatch: (() => void) | undefined;
  /** Requests behind it. */
  #queue: (() => void)[] = [];
  #broken: PopmeshError | undefined;

  private constructor(context: InstanceContext) {
    this.#context = context;
    const sink = (level: 'info' | 'error'): LineSink =>
      new LineSink(level, (as, line) => context.log(as, line, this.#exchange?.id));
    this.#stdout = sink('info');
    this.#stderr = sink('error');
    this.#lifetime.onEnd = (reason) => {
      this.#broken = trap(reason);
      this.#exchange?.failed(this.#broken);
      this.#left();
      this.#entrance?.close(reason);
      context.outbound.dispose();
    };
    this.#lifetime.onWait = () => {
      if (this.#exchange === undefined) return;
      this.#exchange.suspended();
      this.#unwatch ??= this.#watch(this.#exchange);
    };
  }

  static async create(files: PreparedFiles, context: InstanceContext): Promise<WasiInstance> {
    const instance = new WasiInstance(context);
    const imports = createImports({
      context,
      lifetime: instance.#lifetime,
      stdout: instance.#stdout,
      stderr: instance.#stderr,
      signal: () => instance.#exchange?.signal,
    });
    const glue = await files.glue();
    let exports: Record<string, unknown>;
    try {
      exports = await glue.instantiate(
        (path) => files.coreModule(path),
        imports,
        (module, coreImports) => {
          const core = new Wasm.Instance(module, coreImports);
          for (const value of Object.values(core.exports)) {
            if (value instanceof Wasm.Memory) instance.#measure(value as LinearMemory);
          }
          files.created?.(module, core.exports);
          return core;
        },
      );
    } catch (caught) {
      throw caught instanceof PopmeshError ? caught : trap(caught);
    }
    const guest = (imports['popmesh:lowering'] as Lowering).guest();
    const events: EntranceEvents = {
      returned: () => instance.#returned(),
      trapped: (caught) => instance.#lifetime.end(trap(caught)),
    };
    const handle = findHandle(exports);
    instance.#entrance =
      guest === undefined ? callEach(handle, events) : new Turnstile(guest, events);
    return instance;
  }

  handle(id: number, request: GuestRequest, signal: AbortSignal): Promise<GuestResponse> {
    if (this.#exchange !== undefined) return this.#handleLater(id, request, signal);
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (signal.aborted) {
      return Promise.reject(new PopmeshError('cancelled', 'the client is gone'));
    }
    const exchange = new Exchange(id, this.#context, this.#lifetime, request, signal);
    this.#exchange = exchange;
    this.#context.outbound.begin();
    try {
      this.#entrance?.enter(exchange.request, exchange.outparam);
    } catch (caught) {
      // Such as a guest that never drops a handle, and has as many as there may be.
      this.#lifetime.end(trap(caught));
    }
    return exchange.head;
  }

  async #handleLater(
    id: number,
    request: GuestRequest,
    signal: AbortSignal,
  ): Promise<GuestResponse> {
    while (this.#exchange !== undefined) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    return this.handle(id, request, signal);
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  memoryBytes(): number {
    let total = 0;
    for (const measured of this.#memories) {
      // Growth detaches the buffer; to ask the memory itself is a native call.
      if (measured.buffer.byteLength === 0) measured.buffer = measured.memory.buffer;
      total += measured.buffer.byteLength;
    }
    return total;
  }

  #measure(memory: LinearMemory): void {
    if (this.#memories.some((known) => known.memory === memory)) return;
    this.#memories.push({ memory, buffer: memory.buffer });
  }

  dispose(): void {
    this.#lifetime.end(new PopmeshError('cancelled', 'the instance was disposed'));
  }

  #returned(): void {
    this.#exchange?.returned();
    this.#left();
  }

  /** The request is no longer inside; its body may still be on its way out. */
  #left(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#stdout.end();
    this.#stderr.end();
    this.#context.outbound.end();
    this.#exchange = undefined;
    exchange.left();
    if (this.#queue.length > 0) for (const next of this.#queue.splice(0)) next();
  }

  /**
   * When the client goes, an orderly guest sees its streams end and returns; one that waits
   * on is ended after a grace, and its instance with it. From the first wait on: before that
   * nobody could tell the guest.
   */
  #watch(exchange: Exchange): () => void {
    let timer: { cancel(): void } | undefined;
    const aborted = (): void => {
      exchange.cancelled();
      timer = this.#context.clock.setTimer(WASI_LIMITS.cancelGraceMs, () =>
        this.#lifetime.end(new PopmeshError('function_trapped', 'ended after its client had gone')),
      );
    };
    if (exchange.signal.aborted) aborted();
    else exchange.signal.addEventListener('abort', aborted, { once: true });
    return () => {
      exchange.signal.removeEventListener('abort', aborted);
      timer?.cancel();
    };
  }
}

/** The way in where jco's glue keeps tasks around the call. */
function callEach(handle: Handle, { returned, trapped }: EntranceEvents): Entrance {
  return {
    enter: (request, outparam) => void handle(request, outparam).then(returned, trapped),
    close: () => {},
  };
}

function findHandle(exports: Record<string, unknown>): Handle {
  for (const [name, value] of Object.entries(exports)) {
    if (!name.startsWith('wasi:http/incoming-handler@0.2.')) continue;
    const { handle } = value as { handle?: unknown };
    if (typeof handle === 'function') return handle as Handle;
  }
  throw new PopmeshError('invalid_component', 'it does not export wasi:http/incoming-handler');
}

const trap = (caught: unknown): PopmeshError =>
  caught instanceof PopmeshError ? caught : describeTrap(caught, undefined);

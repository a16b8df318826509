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
  readonly #memories = new Set<LinearMemory>();
  readonly #stdout: LineSink;
  readonly #stderr: LineSink;
  #handle: Handle = () => Promise.reject(new Error('not instantiated'));
  /** The guest's run, settled when it has returned; requests queue behind it. */
  #running: Promise<void> = Promise.resolve();
  #exchange: Exchange | undefined;
  /** Ends the run without the guest: its glue may leave a failed call pending for ever. */
  #abandon: () => void = () => {};
  #requestId: number | undefined;
  #broken: PopmeshError | undefined;

  private constructor(context: InstanceContext) {
    this.#context = context;
    const sink = (level: 'info' | 'error'): LineSink =>
      new LineSink(level, (as, line) => context.log(as, line, this.#requestId));
    this.#stdout = sink('info');
    this.#stderr = sink('error');
    this.#lifetime.onEnd = (reason) => {
      this.#broken = trap(reason);
      this.#exchange?.failed(this.#broken);
      this.#abandon();
      context.outbound.dispose();
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
            if (value instanceof Wasm.Memory) instance.#memories.add(value as LinearMemory);
          }
          return core;
        },
      );
    } catch (caught) {
      throw trap(caught);
    }
    instance.#handle = findHandle(exports);
    return instance;
  }

  async handle(id: number, request: GuestRequest, signal: AbortSignal): Promise<GuestResponse> {
    while (this.#exchange !== undefined) await this.#running;
    if (this.#broken !== undefined) throw this.#broken;
    if (signal.aborted) throw new PopmeshError('cancelled', 'the client is gone');
    const exchange = new Exchange(this.#context, this.#lifetime, request, signal);
    this.#exchange = exchange;
    this.#requestId = id;
    this.#running = this.#run(id, exchange);
    const response = await exchange.head;
    if (this.#exchange === exchange) {
      exchange.retained = true;
      this.#context.retain(id);
    }
    return response;
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  memoryBytes(): number {
    let total = 0;
    for (const memory of this.#memories) total += memory.buffer.byteLength;
    return total;
  }

  dispose(): void {
    this.#lifetime.end(new PopmeshError('cancelled', 'the instance was disposed'));
  }

  /** Never rejects. */
  async #run(id: number, exchange: Exchange): Promise<void> {
    const watch = this.#watch(exchange);
    this.#context.outbound.begin();
    try {
      await new Promise<unknown>((resolve, reject) => {
        this.#abandon = () => resolve(undefined);
        this.#handle(exchange.request, exchange.outparam).then(resolve, reject);
      });
      exchange.returned();
    } catch (caught) {
      this.#lifetime.end(trap(caught));
    } finally {
      watch();
      this.#stdout.end();
      this.#stderr.end();
      this.#context.outbound.end();
      this.#exchange = undefined;
      this.#requestId = undefined;
      if (exchange.retained) this.#context.release(id);
    }
  }

  /**
   * When the client goes, an orderly guest sees its streams end and returns; one that waits
   * on is ended after a grace, and its instance with it.
   */
  #watch(exchange: Exchange): () => void {
    let timer: { cancel(): void } | undefined;
    const aborted = (): void => {
      exchange.cancelled();
      timer = this.#context.clock.setTimer(WASI_LIMITS.cancelGraceMs, () =>
        this.#lifetime.end(new PopmeshError('function_trapped', 'ended after its client had gone')),
      );
    };
    exchange.signal.addEventListener('abort', aborted, { once: true });
    return () => {
      exchange.signal.removeEventListener('abort', aborted);
      timer?.cancel();
    };
  }
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

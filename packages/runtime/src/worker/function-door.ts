import { PopmeshError } from '@popmesh/contracts';
import { IdMap } from '../id-map.ts';
import type {
  Body,
  CoreInstance,
  Door,
  DoorInstance,
  GuestRequest,
  GuestResponse,
  InstanceContext,
  PreparedFiles,
} from './door.ts';
import { FunctionHost, type GuestBody } from './function-host.ts';
import { toHeaderLines } from './header-lines.ts';
import { describeTrap } from './trap.ts';

/** The `popmesh:function` door: flat records in, flat records out, many requests at once. */

/** TypeScript's Node types know only `WebAssembly.Module`. */
const Wasm = (globalThis as unknown as { WebAssembly: CoreApi }).WebAssembly;
interface CoreApi {
  readonly Instance: new (
    module: WebAssembly.Module,
    imports: Record<string, unknown>,
  ) => CoreInstance;
  readonly Memory: new () => { buffer: ArrayBuffer };
}

interface GuestExports {
  handle(id: number, request: object): Promise<unknown>;
}

interface RawResponse {
  status: number;
  headers: string;
  body: GuestBody;
}

export const functionDoor: Door = {
  instanceConcurrency: 'config',
  async instantiate(files: PreparedFiles, context: InstanceContext): Promise<DoorInstance> {
    const host = new FunctionHost(context);
    const memories = new Set<{ buffer: ArrayBuffer }>();
    const glue = await files.glue();
    const exports = (await glue.instantiate(
      (path) => files.coreModule(path),
      Object.freeze(
        Object.assign(Object.create(null), {
          'popmesh:function/host': host.imports,
          'popmesh:function/types': Object.freeze(Object.create(null)),
        }),
      ),
      (module, imports) => {
        const core = instantiateCore(module, imports, memories);
        files.created?.(module, core.exports);
        return core;
      },
    )) as unknown as GuestExports;
    return new FunctionInstance(exports, host, context, memories);
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

class FunctionInstance implements DoorInstance {
  broken = false;
  readonly #exports: GuestExports;
  readonly #host: FunctionHost;
  readonly #context: InstanceContext;
  readonly #memories: ReadonlySet<{ buffer: ArrayBuffer }>;
  readonly #running = new IdMap<GuestBody>();

  constructor(
    exports: GuestExports,
    host: FunctionHost,
    context: InstanceContext,
    memories: ReadonlySet<{ buffer: ArrayBuffer }>,
  ) {
    this.#exports = exports;
    this.#host = host;
    this.#context = context;
    this.#memories = memories;
  }

  async handle(id: number, request: GuestRequest, signal: AbortSignal): Promise<GuestResponse> {
    const host = this.#host;
    const body = host.giveBody(request.body);
    this.#running.set(id, body);
    host.beginRequest(id, signal);
    host.lastReport = undefined;
    this.#context.outbound.begin();
    // With others in the instance nobody knows whose fetches these are; the guest does.
    signal.addEventListener('abort', () => {
      if (this.#running.size === 1 && this.#running.has(id)) host.abortFetches();
    });
    try {
      const raw = await this.#exports.handle(id, {
        method: request.method,
        url: request.url,
        headers: request.headerLines ?? toHeaderLines(request.headers),
        body,
      });
      return this.#toResponse(raw as RawResponse);
    } catch (caught) {
      this.settle(id);
      if (caught instanceof PopmeshError) throw caught;
      this.broken = true;
      throw describeTrap(caught, host.lastReport);
    }
  }

  settle(id: number): void {
    const body = this.#running.get(id);
    if (body === undefined) return;
    this.#running.delete(id);
    if (body.tag === 'pipe') {
      this.#host.pipe(body.val)?.cancel();
      this.#host.removePipe(body.val);
    }
    this.#context.outbound.end();
    this.#host.endRequest(id);
  }

  memoryBytes(): number {
    let total = 0;
    for (const memory of this.#memories) total += memory.buffer.byteLength;
    return total;
  }

  dispose(): void {
    this.#host.dispose();
  }

  #toResponse(raw: RawResponse): GuestResponse {
    // Said by the platform in the guest, which caught the exception: the instance is well.
    if (raw.status === 500 && raw.headers.startsWith(FUNCTION_ERROR_HEADER)) {
      if (raw.headers.startsWith(MEMORY_ERROR_HEADER)) {
        throw new PopmeshError('memory_limit_exceeded', 'The function ran out of memory', {
          details: { limit: 'memory_mb' },
        });
      }
      throw new PopmeshError('function_threw', 'The function threw an error');
    }
    return {
      status: raw.status,
      headers: [],
      headerLines: raw.headers,
      body: this.#toBody(raw.body),
    };
  }

  #toBody(body: GuestBody): Body {
    switch (body.tag) {
      case 'none':
        return { kind: 'none' };
      case 'text':
        return { kind: 'text', text: body.val };
      case 'bytes':
        return { kind: 'bytes', bytes: body.val };
      case 'pipe': {
        const pipe = this.#host.pipe(body.val);
        if (pipe !== undefined) {
          // Ours from here: the guest goes on writing by its number until it closes the pipe.
          return { kind: 'pipe', pipe };
        }
        throw new PopmeshError('invalid_response', 'The response names a pipe that is not there');
      }
    }
  }
}

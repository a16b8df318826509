import { pathToFileURL } from 'node:url';
import { PopmeshError } from '@popmesh/contracts';
import { GLUE_FILE } from '../prepare/generate-options.ts';
import { loadPrepared } from '../prepare/store.ts';

export interface LoadedModules {
  readonly glueUrl: string;
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
}

/** TypeScript's Node types know only `WebAssembly.Module`. */
const { compile } = (
  globalThis as unknown as {
    WebAssembly: { compile(bytes: Uint8Array): Promise<WebAssembly.Module> };
  }
).WebAssembly;

/**
 * Compiles the core modules of a prepared component once per process; workers get the
 * modules, which share their code. Every file is verified against its digest first.
 */
export class ModuleLoader {
  /** Components whose code is kept while no worker runs it; the longest unasked-for goes first. */
  static readonly heldMax = 64;
  readonly #loaded = new Map<string, Promise<LoadedModules>>();

  load(directory: string): Promise<LoadedModules> {
    const held = this.#loaded.get(directory);
    const loading = held ?? this.#load(directory);
    // The one asked for last stands last.
    this.#loaded.delete(directory);
    this.#loaded.set(directory, loading);
    if (held !== undefined) return loading;
    loading.catch(() => this.#loaded.delete(directory));
    for (const oldest of this.#loaded.keys()) {
      if (this.#loaded.size <= ModuleLoader.heldMax) break;
      this.#loaded.delete(oldest);
    }
    return loading;
  }

  get held(): number {
    return this.#loaded.size;
  }

  /** Forgets what no deployment uses any more. */
  keepOnly(directories: ReadonlySet<string>): void {
    for (const directory of this.#loaded.keys()) {
      if (!directories.has(directory)) this.#loaded.delete(directory);
    }
  }

  async #load(directory: string): Promise<LoadedModules> {
    const { files } = await loadPrepared(directory);
    const modules = new Map<string, WebAssembly.Module>();
    try {
      await Promise.all(
        [...files].map(async ([name, bytes]) => {
          if (name.endsWith('.wasm')) modules.set(name, await compile(bytes));
        }),
      );
    } catch (cause) {
      throw new PopmeshError('invalid_component', 'A core module does not compile', { cause });
    }
    return { glueUrl: pathToFileURL(`${directory}/${GLUE_FILE}`).href, modules };
  }
}

import type { Clock } from '@popmesh/contracts';
import { type ComponentCode, mayBeBlank } from './component-code.ts';
import type { Door, DoorInstance, InstanceContext, PreparedFiles } from './door.ts';
import { glueOf } from './glue.ts';
import { type CoreExports, isRoomFor, touchMemory, writeImage } from './memory-image.ts';

/**
 * An instance of a skeleton, made ahead of need in a blank worker: all core modules linked, no
 * image written, no code of any guest run. A function that turns out to have this skeleton gets
 * its image written into it and begins there, 6 ms sooner.
 *
 * Where a module runs code while it is instantiated that may wait for its image for ever; so
 * there is no blank instance of such a component, unless its engine is the platform's own. That
 * is known before one is made: from the modules' bytes (executor/module-facts.ts), and from the
 * list (supervise/engines.ts). Refused: instantiating first and looking after.
 *
 * And writing an image late is the same as writing it when its module is instantiated only if
 * nothing reads or writes in between: no module that does may come after the first with an image.
 */

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class BlankInstance {
  readonly skeleton: string;
  readonly #instance: DoorInstance;
  readonly #context: Mutable<InstanceContext>;
  readonly #exports: ReadonlyMap<string, CoreExports>;

  private constructor(
    skeleton: string,
    instance: DoorInstance,
    context: Mutable<InstanceContext>,
    exports: ReadonlyMap<string, CoreExports>,
  ) {
    this.skeleton = skeleton;
    this.#instance = instance;
    this.#context = context;
    this.#exports = exports;
  }

  /** Undefined where images may not wait: then nothing is instantiated. */
  static async make(
    code: ComponentCode,
    door: Door,
    clock: Clock,
  ): Promise<BlankInstance | undefined> {
    if (!mayBeBlank(code)) return undefined;
    // Whoever takes it fills the rest in before any guest runs.
    const context = { clock } as Mutable<InstanceContext>;
    const files = new BlankFiles(code);
    const instance = await door.instantiate(files, context);
    // Each instance of a module gets its image, and there is one place for it.
    if (files.hasTwins || !files.canWait) return undefined;
    for (const image of code.images) touchMemory(image, files.exports.get(image.module) ?? {});
    return new BlankInstance(code.skeleton, instance, context, files.exports);
  }

  /** Whether it has become no larger than the function's own instance is. */
  fits(code: ComponentCode): boolean {
    return (
      code.skeleton === this.skeleton &&
      code.images.every((image) => {
        const exports = this.#exports.get(image.module);
        return exports !== undefined && isRoomFor(image, exports);
      })
    );
  }

  /** Becomes the function's: once. */
  take(code: ComponentCode, context: InstanceContext): DoorInstance {
    Object.assign(this.#context, context);
    for (const image of code.images) writeImage(image, this.#exports.get(image.module) ?? {});
    return this.#instance;
  }
}

class BlankFiles implements PreparedFiles {
  readonly exports = new Map<string, CoreExports>();
  hasTwins = false;
  canWait = true;
  readonly #code: ComponentCode;
  readonly #names = new Map<WebAssembly.Module, string>();
  readonly #withImage: ReadonlySet<string>;
  #hasImage = false;

  constructor(code: ComponentCode) {
    this.#code = code;
    for (const [name, module] of code.modules) this.#names.set(module, name);
    this.#withImage = new Set(code.images.map((image) => image.module));
  }

  async glue() {
    return glueOf(this.#code.glue);
  }

  coreModule(path: string): WebAssembly.Module {
    const module = this.#code.modules.get(path);
    if (module === undefined) throw new Error(`no module ${path}`);
    return module;
  }

  created(module: WebAssembly.Module, exports: CoreExports): void {
    // Of all: which modules have an image is the function's own, and known when it comes.
    const name = this.#names.get(module);
    if (name === undefined) return;
    if (this.exports.has(name)) this.hasTwins = true;
    if (this.#hasImage && this.#code.active.has(name)) this.canWait = false;
    if (this.#withImage.has(name)) this.#hasImage = true;
    this.exports.set(name, exports);
  }
}

/** Never fails: without it the first instance is made when it is needed, or fails there. */
export async function makeBlank(
  code: ComponentCode,
  door: Door,
  clock: Clock,
): Promise<BlankInstance | undefined> {
  try {
    return await BlankInstance.make(code, door, clock);
  } catch {
    return undefined;
  }
}

/** The first instance of a pool is the blank one, where it fits. */
export function withBlank(door: Door, code: ComponentCode, blank: BlankInstance | undefined): Door {
  if (blank?.fits(code) !== true) return door;
  let left: BlankInstance | undefined = blank;
  return {
    instanceConcurrency: door.instanceConcurrency,
    instantiate: async (files, context) => {
      const first = left;
      left = undefined;
      return first === undefined ? door.instantiate(files, context) : first.take(code, context);
    },
  };
}

import { PopmeshError } from '@popmesh/contracts';
import type { ComponentCode, ModuleImage } from './component-code.ts';
import type { PreparedFiles } from './door.ts';
import { glueOf } from './glue.ts';
import { type CoreExports, writeImage } from './memory-image.ts';

/** The code of one component, as its door instantiates it; the executor verified it. */
export class ComponentFiles implements PreparedFiles {
  readonly code: ComponentCode;
  readonly #images = new Map<WebAssembly.Module, ModuleImage>();

  constructor(code: ComponentCode) {
    this.code = code;
    for (const image of code.images) this.#images.set(this.coreModule(image.module), image);
  }

  async glue() {
    return glueOf(this.code.glue);
  }

  coreModule(path: string): WebAssembly.Module {
    const module = this.code.modules.get(path);
    if (module !== undefined) return module;
    throw new PopmeshError('invalid_component', `The glue asks for ${path}, which is not there`);
  }

  /** At once, so that whatever is instantiated after it finds what it would have found. */
  created(module: WebAssembly.Module, exports: CoreExports): void {
    const image = this.#images.get(module);
    if (image !== undefined) writeImage(image, exports);
  }
}

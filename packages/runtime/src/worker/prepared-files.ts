import { PopmeshError } from '@popmesh/contracts';
import type { Glue, PreparedFiles } from './door.ts';

/** The files of the one component that this worker runs; the executor verified them. */
export function preparedFiles(
  glueUrl: string,
  modules: ReadonlyMap<string, WebAssembly.Module>,
): PreparedFiles {
  let glue: Promise<Glue> | undefined;
  return {
    glue: () => {
      glue ??= import(glueUrl) as Promise<Glue>;
      return glue;
    },
    coreModule: (path) => {
      const module = modules.get(path);
      if (module !== undefined) return module;
      throw new PopmeshError('invalid_component', `The glue asks for ${path}, which is not there`);
    },
  };
}

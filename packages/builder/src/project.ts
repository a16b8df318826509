import { readFile, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { DEFAULT_NAMESPACE, isName, PopmeshError } from '@popmesh/contracts';
import { type FunctionConfigInit, functionConfig } from './function-config.ts';
import { MANIFEST_BYTES_MAX, parseManifest } from './manifest/parse-manifest.ts';
import { type Engine, type Manifest, manifestSchema } from './manifest/schema.ts';

/** What is to be built: a folder with a popmesh.toml, or one ready .wasm file. */

export const MANIFEST_FILE = 'popmesh.toml';

const EXTENSIONS = ['ts', 'tsx', 'mts', 'js', 'jsx', 'mjs'];
/** In this order; the first that is there is the main file. */
export const MAIN_CANDIDATES: readonly string[] = [
  'index',
  'src/index',
  'main',
  'src/main',
].flatMap((stem) => EXTENSIONS.map((extension) => `${stem}.${extension}`));

export interface Project {
  /** Absolute. */
  readonly folder: string;
  /** Absolute; absent for a bare .wasm. */
  readonly manifestFile?: string;
  readonly name: string;
  readonly namespace: string;
  readonly label: string;
  readonly engine: Engine;
  /** Relative to `folder`: the entry of JavaScript, or the component; absent for Rust. */
  readonly main?: string;
  readonly build: { readonly command?: string; readonly output?: string };
  readonly config: FunctionConfigInit;
}

/** Throws `not_found` and `invalid_config`. */
export async function loadProject(path: string): Promise<Project> {
  const absolute = resolve(path);
  const facts = await stat(absolute).catch(() => undefined);
  if (facts === undefined) {
    throw new PopmeshError('not_found', `${path} does not exist`, {
      hint: 'Give a folder with a popmesh.toml, or a .wasm component.',
    });
  }
  if (facts.isDirectory()) return await loadFolder(path, absolute);
  if (extname(absolute) === '.wasm') return bareComponent(absolute);
  if (basename(absolute) === MANIFEST_FILE)
    return await loadFolder(join(path, '..'), resolve(absolute, '..'));
  throw new PopmeshError('invalid_config', `${path} is neither a folder nor a .wasm file`, {
    hint: 'Give the folder that holds popmesh.toml.',
  });
}

async function loadFolder(shown: string, folder: string): Promise<Project> {
  const manifestFile = join(folder, MANIFEST_FILE);
  const shownFile = join(shown, MANIFEST_FILE);
  const facts = await stat(manifestFile).catch(() => undefined);
  if (facts === undefined) {
    throw new PopmeshError('invalid_config', `${shown} has no ${MANIFEST_FILE}`, {
      hint: 'Write one with a single line, `name = "my-function"`, or start with `popmesh init`.',
    });
  }
  if (facts.size > MANIFEST_BYTES_MAX) {
    throw new PopmeshError(
      'invalid_config',
      `${shownFile} is larger than ${MANIFEST_BYTES_MAX} bytes`,
    );
  }
  const manifest = parseManifest(await readFile(manifestFile, 'utf8'), shownFile);
  const engine = manifest.engine ?? (await guessEngine(folder, manifest));
  const main = await findMain(folder, manifest, engine, shown);
  const { command, output } = manifest.build;
  return {
    folder,
    manifestFile,
    name: manifest.name,
    namespace: manifest.namespace,
    label: manifest.version,
    engine,
    ...(main === undefined ? {} : { main }),
    build: {
      ...(command === undefined ? {} : { command }),
      ...(output === undefined ? {} : { output }),
    },
    config: functionConfig(manifest, engine),
  };
}

const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() ?? false;

async function guessEngine(folder: string, manifest: Manifest): Promise<Engine> {
  if (manifest.main !== undefined) return manifest.main.endsWith('.wasm') ? 'component' : 'quickjs';
  if (await isFile(join(folder, 'Cargo.toml'))) return 'rust';
  return manifest.build.output?.endsWith('.wasm') ? 'component' : 'quickjs';
}

async function findMain(
  folder: string,
  manifest: Manifest,
  engine: Engine,
  shown: string,
): Promise<string | undefined> {
  if (engine === 'rust') return undefined;
  if (engine === 'component') {
    const main = manifest.main ?? manifest.build.output;
    if (main !== undefined) return main;
    throw new PopmeshError(
      'invalid_config',
      `${join(shown, MANIFEST_FILE)}: engine "component" needs main`,
      {
        hint: 'Set main = "…" to the .wasm file, or build.output to what build.command writes.',
      },
    );
  }
  if (manifest.main !== undefined) {
    if (await isFile(join(folder, manifest.main))) return manifest.main;
    throw new PopmeshError(
      'invalid_config',
      `${join(shown, MANIFEST_FILE)}: main = ${JSON.stringify(manifest.main)}: there is no such file`,
    );
  }
  for (const candidate of MAIN_CANDIDATES) {
    if (await isFile(join(folder, candidate))) return candidate;
  }
  throw new PopmeshError('invalid_config', `${shown} has no main file`, {
    hint: 'Set main in popmesh.toml, or name it index.ts or index.js.',
  });
}

function bareComponent(file: string): Project {
  const name = basename(file, '.wasm')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  if (!isName(name)) {
    throw new PopmeshError('invalid_config', `no function name can be made of ${basename(file)}`, {
      hint: 'Rename the file, or put it in a folder with a popmesh.toml.',
    });
  }
  const manifest = manifestSchema.parse({ name });
  return {
    folder: resolve(file, '..'),
    name,
    namespace: DEFAULT_NAMESPACE,
    label: manifest.version,
    engine: 'component',
    main: basename(file),
    build: {},
    config: functionConfig(manifest, 'component'),
  };
}

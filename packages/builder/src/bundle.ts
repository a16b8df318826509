import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PopmeshError } from '@popmesh/contracts';
import type { BuildOptions, Message, Plugin } from 'esbuild';
import { BUNDLE_DEADLINE_MS, buildWithin } from './bundle-deadline.ts';
import { bundleError, warningLine } from './bundle-errors.ts';
import { WATCHED_BYTES_MAX, watchDroppedPromises } from './dropped-promises.ts';

/**
 * The author's source, the npm packages it uses and our Web API layer, as one
 * ES module. esbuild and not rolldown: it is the bundler the Workers ecosystem
 * is tested with, so packages meet the conditions they expect.
 */

export const BUNDLE_BYTES_MAX = 20 * 1024 * 1024;

const here = dirname(fileURLToPath(import.meta.url));
export const PLATFORM_FOLDER = join(here, 'platform');
export const PLATFORM_ENTRY = join(PLATFORM_FOLDER, 'entry.ts');

export interface Bundle {
  readonly code: string;
  /** Version 3 source map, as JSON; paths relative to the project's folder. */
  readonly sourceMap: string;
  readonly warnings: string[];
  /** Absolute paths of every file that went in: what `dev` watches. */
  readonly inputs: string[];
}

/** The alias by which the platform's entry reaches the author's module. */
const authorModule = (main: string, external: RegExp): Plugin => ({
  name: 'popmesh-author',
  setup(plugin) {
    plugin.onResolve({ filter: /^popmesh:author$/ }, () => ({ path: main }));
    plugin.onResolve({ filter: external }, ({ path }) => ({ path, external: true }));
    plugin.onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
      errors: [
        {
          text: `${path} is WebAssembly, which a JavaScript function cannot load`,
          notes: [
            {
              text: 'The JavaScript engine is itself WebAssembly; use a package in plain JavaScript, or write the function in Rust.',
            },
          ],
        },
      ],
    }));
  },
});

export interface BundleOptions {
  readonly folder: string;
  /** Relative to `folder`. */
  readonly main: string;
  /** Tests stand in for the platform here; absent: ours. */
  readonly entry?: string;
  /** Specifiers that the engine provides; absent: those of QuickJS's world. */
  readonly external?: RegExp;
  readonly deadlineMs?: number;
}

/** Throws `build_failed` with file, line, column and a code frame. */
export async function bundle(
  {
    folder,
    main,
    entry,
    external = /^popmesh:function\//,
    deadlineMs = BUNDLE_DEADLINE_MS,
  }: BundleOptions,
  signal: AbortSignal,
): Promise<Bundle> {
  const options = {
    entryPoints: [entry ?? PLATFORM_ENTRY],
    absWorkingDir: folder,
    outfile: 'function.js',
    plugins: [authorModule(resolve(folder, main), external)],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'neutral',
    // esbuild adds `import` or `require` by the kind of each import itself.
    conditions: ['workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
    target: 'es2023',
    charset: 'utf8',
    // Names stay: they are what a stack trace shows and what `fn.name` answers.
    minifySyntax: true,
    minifyWhitespace: true,
    minifyIdentifiers: false,
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: {
      '.txt': 'text',
      '.html': 'text',
      '.css': 'text',
      '.svg': 'text',
      '.md': 'text',
      '.bin': 'binary',
      '.png': 'binary',
      '.jpg': 'binary',
      '.ico': 'binary',
    },
    logLevel: 'silent',
    logLimit: 20,
  } as const satisfies BuildOptions;
  const result = await buildWithin(options, signal, deadlineMs).catch((caught: unknown) => {
    signal.throwIfAborted();
    throw bundleError(caught, main);
  });
  const code = result.outputFiles.find((file) => file.path.endsWith('.js'))?.text ?? '';
  const sourceMap = result.outputFiles.find((file) => file.path.endsWith('.map'))?.text ?? '{}';
  if (code.length > BUNDLE_BYTES_MAX) {
    throw new PopmeshError(
      'build_failed',
      `the bundle is ${code.length} bytes, more than ${BUNDLE_BYTES_MAX}`,
      {
        hint: 'Leave data files out of the imports.',
        details: { limit: 'bundle_bytes', max: BUNDLE_BYTES_MAX },
      },
    );
  }
  const warnings = result.warnings.filter(isAuthors).map(warningLine);
  if (code.length > WATCHED_BYTES_MAX) {
    warnings.push(
      `The bundle is ${code.length} bytes: above ${WATCHED_BYTES_MAX}, promises that are dropped and reject are not reported`,
    );
  }
  return {
    ...watchDroppedPromises({ code, sourceMap }, (source) => isPlatform(resolve(folder, source))),
    warnings,
    inputs: Object.keys(result.metafile.inputs).map((input) => resolve(folder, input)),
  };
}

/** Ours, and what ours is made of: its promises are dropped on purpose. */
const isPlatform = (path: string): boolean =>
  !relative(PLATFORM_FOLDER, path).startsWith('..') ||
  path.includes('/node_modules/web-streams-polyfill/');

/** Warnings about packages are not the author's to fix. */
const isAuthors = ({ location }: Message): boolean =>
  location === null || !/(?:^|\/)node_modules\//.test(location.file);

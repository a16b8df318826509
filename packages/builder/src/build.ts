import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import { BuildCache } from './build-cache.ts';
import { bundle } from './bundle.ts';
import { type Door, detectDoor, toComponent } from './component/component.ts';
import { withDeepStack } from './component/deep-stack.ts';
import {
  COMPONENTIZE_DEADLINE_MS,
  type ComponentizeOptions,
  componentizeBundle,
  WIT_PATH,
} from './componentize.ts';
import type { FunctionConfigInit } from './function-config.ts';
import type { Engine } from './manifest/schema.ts';
import type { Project } from './project.ts';
import { runCommand } from './run-command.ts';
import { buildRust } from './rust/build-rust.ts';
import { withSourceMap } from './source-map-section.ts';
import {
  ADAPTER_ENTRY,
  ADAPTER_EXTERNAL,
  componentizePortable,
} from './starlingmonkey/build-starlingmonkey.ts';
import { standardWorld } from './starlingmonkey/standard-world.ts';

/** A project to one component and the configuration that goes with it. */

/** What a node accepts at most, so that a hopeless upload is refused before it starts. */
export const COMPONENT_BYTES_MAX = 64 * 1024 * 1024;

export interface BuildOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: string) => void;
  /** Absent: nothing is cached. */
  readonly cacheDirectory?: string;
  /** Absent: the steps are told, without their times. */
  readonly clock?: Clock;
  readonly componentizeDeadlineMs?: number;
  /** Stands in for the Web API layer; for tests of the builder alone. */
  readonly platformEntry?: string;
}

export interface BuildResult {
  readonly name: string;
  readonly namespace: string;
  readonly label: string;
  readonly door: Door;
  readonly engine: Engine;
  readonly component: Uint8Array;
  /** SHA-256 of the component, lower-case hex. */
  readonly digest: string;
  readonly config: FunctionConfigInit;
  readonly warnings: readonly string[];
  readonly timings: readonly { readonly step: string; readonly ms: number }[];
  /** Absolute paths of what went in, when known; what a watcher should look at. */
  readonly inputs: readonly string[];
}

interface Built {
  readonly component: Uint8Array;
  readonly door: Door;
  readonly warnings: readonly string[];
  readonly inputs: readonly string[];
}

interface Context {
  readonly signal: AbortSignal;
  readonly options: BuildOptions;
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
}

/** Throws `build_failed`, `invalid_component`, `payload_too_large`, `unimplemented`. */
export async function build(project: Project, options: BuildOptions = {}): Promise<BuildResult> {
  const timings: { step: string; ms: number }[] = [];
  const context: Context = {
    signal: options.signal ?? new AbortController().signal,
    options,
    async step(name, run) {
      options.onProgress?.(name);
      const startedMs = options.clock?.monotonic() ?? 0;
      const result = await run();
      timings.push({ step: name, ms: Math.round((options.clock?.monotonic() ?? 0) - startedMs) });
      return result;
    },
  };
  const built = await ENGINE_BUILDS[project.engine](project, context);
  if (built.component.length > COMPONENT_BYTES_MAX) throw tooLarge(built.component.length);
  return {
    name: project.name,
    namespace: project.namespace,
    label: project.label,
    engine: project.engine,
    config: project.config,
    digest: createHash('sha256').update(built.component).digest('hex'),
    ...built,
    timings,
  };
}

const tooLarge = (bytes: number): PopmeshError =>
  new PopmeshError(
    'payload_too_large',
    `the component is ${bytes} bytes, more than ${COMPONENT_BYTES_MAX}`,
    { details: { limit: 'component_bytes', max: COMPONENT_BYTES_MAX } },
  );

const ENGINE_BUILDS: Record<Engine, (project: Project, context: Context) => Promise<Built>> = {
  quickjs: (project, context) => buildJavaScript(project, context, QUICKJS),
  starlingmonkey: (project, context) => buildJavaScript(project, context, STARLINGMONKEY),
  rust: buildWithCargo,
  component: readReady,
};

interface JavaScriptEngine {
  readonly door: Door;
  /** What the author's module is bundled with, and what the engine provides to that. */
  readonly entry?: string;
  readonly external?: RegExp;
  /** npm packages whose version is part of what comes out. */
  readonly tools: readonly string[];
  world(): Promise<string>;
  componentize(options: ComponentizeOptions, signal: AbortSignal): Promise<Uint8Array>;
}

const QUICKJS: JavaScriptEngine = {
  door: 'popmesh:function',
  tools: ['componentize-qjs', 'esbuild'],
  world: () => readFile(WIT_PATH, 'utf8'),
  componentize: componentizeBundle,
};

const STARLINGMONKEY: JavaScriptEngine = {
  door: 'wasi:http',
  entry: ADAPTER_ENTRY,
  external: ADAPTER_EXTERNAL,
  tools: ['@bytecodealliance/componentize-js', '@bytecodealliance/jco', 'esbuild'],
  world: standardWorld,
  componentize: componentizePortable,
};

async function buildJavaScript(
  project: Project,
  { signal, options, step }: Context,
  engine: JavaScriptEngine,
): Promise<Built> {
  const main = project.main ?? 'index.js';
  const { command } = project.build;
  if (command !== undefined) {
    await step('command', () => runCommand(command, project.folder, signal));
  }
  const entry = options.platformEntry ?? engine.entry;
  const bundled = await step('bundle', () =>
    bundle(
      {
        folder: project.folder,
        main,
        ...(entry === undefined ? {} : { entry }),
        ...(engine.external === undefined ? {} : { external: engine.external }),
      },
      signal,
    ),
  );
  const { code, sourceMap, warnings, inputs } = bundled;
  const cache =
    options.cacheDirectory === undefined
      ? undefined
      : new BuildCache(options.cacheDirectory, options.clock);
  const tools = engine.tools.map((name) => `${name}@${packageVersion(name)}`).join(' ');
  const key = BuildCache.key(project.engine, tools, await engine.world(), code);
  const cached = await cache?.get(key);
  const deadlineMs = options.componentizeDeadlineMs ?? COMPONENTIZE_DEADLINE_MS;
  const component =
    cached ??
    (await step('componentize', () =>
      engine.componentize({ code, sourceMap, main, deadlineMs }, signal),
    ));
  if (cached === undefined) await cache?.put(key, component, sourceMap);
  if (engine !== QUICKJS) return { component, door: engine.door, warnings, inputs };
  const mapped = withSourceMap(withDeepStack(component), sourceMap, project.folder);
  return {
    component: mapped.component,
    door: engine.door,
    warnings: mapped.warning === undefined ? warnings : [...warnings, mapped.warning],
    inputs,
  };
}

const require = createRequire(import.meta.url);
function packageVersion(name: string): string {
  // Not every package lets its package.json be imported by name.
  for (const root of require.resolve.paths(name) ?? []) {
    const file = join(root, name, 'package.json');
    if (existsSync(file)) return (require(file) as { version: string }).version;
  }
  throw new PopmeshError('internal', `${name} is not installed`);
}

async function buildWithCargo(
  project: Project,
  { signal, options, step }: Context,
): Promise<Built> {
  const warnings: string[] = [];
  const component = await step('rust', () =>
    buildRust({
      directory: project.folder,
      command: project.build.command,
      output: project.build.output,
      signal,
      onProgress: options.onProgress,
      onWarning: (text) => warnings.push(text),
    }),
  );
  return { component, door: detectDoor(component), warnings, inputs: [] };
}

async function readReady(project: Project, { signal, step }: Context): Promise<Built> {
  const { command } = project.build;
  if (command !== undefined) {
    await step('command', () => runCommand(command, project.folder, signal));
  }
  const file = resolve(project.folder, project.main ?? '');
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined || !facts.isFile()) {
    throw new PopmeshError('build_failed', `there is no component at ${file}`);
  }
  if (facts.size > COMPONENT_BYTES_MAX) throw tooLarge(facts.size);
  return await step('read', async () => {
    const component = await toComponent(new Uint8Array(await readFile(file)));
    return { component, door: detectDoor(component), warnings: [], inputs: [file] };
  });
}

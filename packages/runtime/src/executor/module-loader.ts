import { join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { GLUE_FILE } from '../prepare/generate-options.ts';
import { SOURCE_MAP_FILE } from '../prepare/source-map.ts';
import { type PreparedManifest, readManifest } from '../prepare/store.ts';
import { engineOf } from '../supervise/engines.ts';
import type { ComponentCode, GlueText, ModuleImage } from '../worker/component-code.ts';
import type { KeepMessage, MakeReadyMessage } from '../worker/wire.ts';
import { isActive } from './module-facts.ts';
import { Prefetch } from './prefetch.ts';
import { commonFiles, readCommon, type SkeletonCode, skeletonDigest } from './skeleton.ts';

/** TypeScript's Node types know only `WebAssembly.Module`. */
const { compile } = (
  globalThis as unknown as {
    WebAssembly: { compile(bytes: Uint8Array): Promise<WebAssembly.Module> };
  }
).WebAssembly;

const REASON_LENGTH_MAX = 300;

export interface PreparedComponent {
  readonly directory: string;
  /** SHA-256 of the component that must be there. */
  readonly digest: string;
}

interface Skeleton {
  readonly glue: GlueText;
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  readonly active: ReadonlySet<string>;
  readonly isOwnEngine: boolean;
}

/**
 * Prepared components as workers get them. What components have in common is known by its
 * content: read, verified and compiled once per process, however many functions were built with
 * the same engine, and shared by all workers. What is a function's own is its memory image,
 * which its first worker reads.
 *
 * Refused: by folder, which compiled the same engine again for each function.
 */
export class ModuleLoader {
  /** Components whose code is kept while no worker runs it; the longest unasked-for goes first. */
  static readonly heldMax = 64;
  /** Memory images that are kept likewise. */
  static readonly imageBytesMax = 64 * 1024 * 1024;
  readonly #loaded = new Map<string, Promise<ComponentCode>>();
  readonly #skeletons = new Map<string, Promise<Skeleton>>();
  /** By directory, of what has been loaded and is deployed. */
  readonly #skeletonOf = new Map<string, string>();
  /** What the process was told to expect before it was anybody's. */
  #expected: string | undefined;
  /** Those whose images are in memory, the one used last at the end. */
  readonly #withImages = new Map<ComponentCode, number>();
  readonly #prefetch: Prefetch;
  #imageBytes = 0;
  /** Core modules compiled so far. */
  compiled = 0;

  /** `whenQuiet` resolves when a cold start that has just begun is over, most likely. */
  constructor(whenQuiet?: () => Promise<void>) {
    this.#prefetch = new Prefetch(whenQuiet);
  }

  /** Throws `digest_mismatch` where the folder holds another component than this. */
  async load({ directory, digest }: PreparedComponent): Promise<ComponentCode> {
    const code = await touch(
      this.#loaded,
      directory,
      () => this.#load(directory, digest),
      (oldest) => this.#forget(oldest),
    );
    const imageBytes = this.#withImages.get(code);
    if (imageBytes !== undefined) {
      this.#withImages.delete(code);
      this.#withImages.set(code, imageBytes);
    }
    return code;
  }

  get held(): number {
    return this.#loaded.size;
  }

  get skeletons(): number {
    return this.#skeletons.size;
  }

  /** What the first worker has read and compiled, for the next. */
  keep(code: ComponentCode, { codeCache, images }: KeepMessage): void {
    if (codeCache !== undefined) code.glue.codeCache ??= codeCache;
    let sizeBytes = 0;
    for (const [path, bytes] of images) {
      const image = code.images.find(({ memory }) => memory?.path === path)?.memory;
      if (image === undefined || image.bytes !== undefined) continue;
      image.bytes = bytes;
      sizeBytes += bytes.byteLength;
    }
    if (sizeBytes === 0) return;
    this.#withImages.set(code, sizeBytes);
    this.#imageBytes += sizeBytes;
    for (const oldest of this.#withImages.keys()) {
      if (this.#imageBytes <= ModuleLoader.imageBytesMax) break;
      this.#dropImages(oldest);
    }
  }

  /** Nobody asks for it yet: what takes long to read is read when there is time. */
  prefetch(directory: string): void {
    if (!this.#loaded.has(directory)) this.#prefetch.add(directory);
  }

  /** Before it is known whose process this will be: what its functions have in common, most likely. */
  async makeReady({ door, files, images }: SkeletonCode): Promise<MakeReadyMessage> {
    const digest = skeletonDigest(door, files);
    this.#expected = digest;
    const skeleton = await touch(this.#skeletons, digest, () => this.#compile(files, true));
    const blank = { path: '', sizeBytes: 0, sha256: '', segments: [] };
    const code = {
      ...skeleton,
      skeleton: digest,
      sourceMap: undefined,
      images: images.map(({ module, memory }) => ({
        module,
        globals: [],
        ...(memory === undefined ? {} : { memory: { ...blank, ...memory } }),
      })),
    };
    return { type: 'make-ready', door, code };
  }

  /** Forgets what no deployment uses any more; the skeletons that are left. */
  keepOnly(directories: ReadonlySet<string>): ReadonlySet<string> {
    this.#prefetch.keepOnly(directories);
    for (const [directory, loading] of this.#loaded) {
      if (directories.has(directory)) continue;
      this.#loaded.delete(directory);
      this.#forget(loading);
    }
    for (const directory of this.#skeletonOf.keys()) {
      if (!directories.has(directory)) this.#skeletonOf.delete(directory);
    }
    const left = new Set(this.#skeletonOf.values());
    for (const digest of this.#skeletons.keys()) {
      if (digest !== this.#expected && !left.has(digest)) this.#skeletons.delete(digest);
    }
    return left;
  }

  #forget(loading: Promise<ComponentCode>): void {
    loading.then(
      (code) => this.#dropImages(code),
      () => {},
    );
  }

  #dropImages(code: ComponentCode): void {
    this.#imageBytes -= this.#withImages.get(code) ?? 0;
    this.#withImages.delete(code);
    for (const { memory } of code.images) delete memory?.bytes;
  }

  async #load(directory: string, component: string): Promise<ComponentCode> {
    const ready = this.#prefetch.take(directory);
    const manifest = ready?.manifest ?? (await readManifest(directory));
    if (manifest.digest !== component) {
      throw new PopmeshError('digest_mismatch', 'A prepared component is not the one that it was');
    }
    const common = commonFiles(manifest);
    const digest = skeletonDigest(manifest.door, common);
    this.#skeletonOf.set(directory, digest);
    const isOwnEngine = engineOf(manifest.skeleton) !== undefined;
    const skeleton = await touch(this.#skeletons, digest, async () =>
      this.#compile(await readCommon(directory, common), isOwnEngine),
    );
    const hasMap = manifest.files.some(({ name }) => name === SOURCE_MAP_FILE);
    const code: ComponentCode = {
      ...skeleton,
      skeleton: digest,
      images: imagesOf(directory, manifest),
      sourceMap: hasMap ? join(directory, SOURCE_MAP_FILE) : undefined,
    };
    this.keep(code, { type: 'keep', codeCache: undefined, images: ready?.images ?? [] });
    return code;
  }

  async #compile(files: SkeletonCode['files'], isOwnEngine: boolean): Promise<Skeleton> {
    const modules = new Map<string, WebAssembly.Module>();
    const active = new Set<string>();
    try {
      await Promise.all(
        files.map(async ({ name, bytes }) => {
          if (name === GLUE_FILE) return;
          this.compiled++;
          modules.set(name, await compile(bytes));
          if (isActive(bytes)) active.add(name);
        }),
      );
    } catch (cause) {
      // V8 has features that the validator does not know of, and the other way round.
      const reason = cause instanceof Error ? `: ${cause.message.slice(0, REASON_LENGTH_MAX)}` : '';
      throw new PopmeshError('invalid_component', `A core module does not compile${reason}`, {
        cause,
      });
    }
    const glue = files.find(({ name }) => name === GLUE_FILE);
    const source = Buffer.from(glue?.bytes ?? '').toString('utf8');
    return { glue: { digest: glue?.sha256 ?? '', source }, modules, active, isOwnEngine };
  }
}

function imagesOf(directory: string, { images, files }: PreparedManifest): ModuleImage[] {
  return images.map(({ module, globals, memory }) => {
    const file = files.find(({ name }) => name === memory?.file);
    if (memory === undefined || file === undefined) return { module, globals };
    return {
      module,
      globals,
      memory: {
        name: memory.name,
        pages: memory.pages,
        segments: memory.segments,
        path: join(directory, file.file),
        sizeBytes: file.sizeBytes,
        sha256: file.sha256,
      },
    };
  });
}

/** The value under `key`, made where there is none; moved to the end, and the first go. */
function touch<T>(
  map: Map<string, Promise<T>>,
  key: string,
  make: () => Promise<T>,
  onGone: (value: Promise<T>) => void = () => {},
): Promise<T> {
  let value = map.get(key);
  map.delete(key);
  if (value === undefined) {
    const making = make();
    value = making;
    making.catch(() => {
      if (map.get(key) === making) map.delete(key);
    });
  }
  map.set(key, value);
  for (const [oldest, gone] of map) {
    if (map.size <= ModuleLoader.heldMax) break;
    map.delete(oldest);
    onGone(gone);
  }
  return value;
}

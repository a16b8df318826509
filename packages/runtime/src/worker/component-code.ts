/**
 * What a worker gets of a component in order to run it; the HTTP thread keeps the same object
 * for the next worker. Modules share their code between threads, images are memory that all
 * threads see, the glue is text.
 */

export interface GlueText {
  /** SHA-256 of the source. */
  readonly digest: string;
  /** A script whose value is the glue (prepare/glue-script.ts), verified. */
  readonly source: string;
  /** What V8 had compiled of it in a worker of this process that has served requests. */
  codeCache?: Uint8Array;
}

/** What a fresh instance of a core module gets written into it. */
export interface ModuleImage {
  /** Name of the core module. */
  readonly module: string;
  readonly globals: readonly { readonly name: string; readonly value: number }[];
  readonly memory?: MemoryImage;
}

export interface MemoryImage {
  /** Name of the memory's export. */
  readonly name: string;
  readonly pages: number;
  readonly segments: readonly { readonly offset: number; readonly sizeBytes: number }[];
  /** The segments back to back: where to read them, and what they must be. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** The same in memory, verified by a worker of this process. */
  bytes?: SharedArrayBuffer;
}

/** What components have in common of which only the images differ. */
export interface CommonCode {
  readonly glue: GlueText;
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  /** Those that run code, or write memory, while they are instantiated. */
  readonly active: ReadonlySet<string>;
  /** One of the platform's own engines (supervise/engines.ts), whose code is no tenant's. */
  readonly isOwnEngine: boolean;
}

/**
 * Whether it may be instantiated before anybody asks for it. The platform's engine runs code
 * when it is, too, which is known to end; a tenant's could wait for its image for ever.
 */
export const mayBeBlank = ({ active, isOwnEngine }: CommonCode): boolean =>
  isOwnEngine || active.size === 0;

export interface OwnCode {
  /** Names the common part by its content. */
  readonly skeleton: string;
  readonly images: readonly ModuleImage[];
  /** Path of the source map, where the component has one. */
  readonly sourceMap: string | undefined;
}

export type ComponentCode = OwnCode & CommonCode;

/** To a worker that has the common part already. */
export const withoutCommon = ({ skeleton, images, sourceMap }: ComponentCode): OwnCode => ({
  skeleton,
  images,
  sourceMap,
});

export function withCommon(
  code: OwnCode | ComponentCode,
  held: CommonCode | undefined,
): ComponentCode {
  if ('glue' in code) return code;
  if (held === undefined) throw new Error('a load message without the code');
  const { glue, modules, active, isOwnEngine } = held;
  return { ...code, glue, modules, active, isOwnEngine };
}

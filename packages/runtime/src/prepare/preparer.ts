import { basename } from 'node:path';
import { type Clock, PopmeshError, untilAborted } from '@popmesh/contracts';
import { type ComponentFacts, checkComponent } from '../check/component.ts';
import type { RuntimeConfig } from '../config.ts';
import type { DoorName } from '../worker/door.ts';
import { GLUE_FILE } from './generate-options.ts';
import { glueScript } from './glue-script.ts';
import { jcoVersion } from './jco-location.ts';
import { checkInitialPages, limitModules } from './limit-memory.ts';
import { type PlacedImage, placeImages } from './place-images.ts';
import { type Transpiled, type TranspileLimits, transpileInChild } from './run-child.ts';
import { takeSkeleton } from './skeleton.ts';
import { SOURCE_MAP_FILE, sourceMapOf } from './source-map.ts';
import { loadPrepared, type PreparedStore, sha256 } from './store.ts';
import { trimGlue } from './trim-glue.ts';

/**
 * From an artifact to files that an executor can load: check, take the snapshot out, transpile
 * the skeleton in a child unless that was done before, rewrite the memory limits, store. Once
 * per artifact, limit and software version; never on the request path.
 */

/** Raised whenever what we do to the files changes, so that old ones are made again. */
export const PREPARATION_VERSION = 11;

/** What the key of everything ends with that this version of the software prepared. */
export const preparedSuffix = (jco = jcoVersion()): string => `${jco}-${PREPARATION_VERSION}`;

/** Of the glue, which every worker reads: a Rust component has 0.8 MB, a Python one 2.3 MB. */
const GLUE_BYTES_MAX = 16 * 1024 * 1024;

/** What keys of components begin with. */
const DIGEST_LENGTH = 64;
const digestOfKey = (key: string): string => key.slice(0, DIGEST_LENGTH);

/** Components of which is remembered how to get them again. */
const KNOWN_MAX = 50_000;

type Usable = Pick<Transpiled, 'files' | 'imports'>;
interface Made {
  readonly transpiled: Usable;
  readonly images: readonly PlacedImage[];
  /** SHA-256 of what was transpiled, where that was the skeleton. */
  readonly skeleton?: string;
}

export interface Artifact {
  /** SHA-256 of the whole component. */
  readonly digest: string;
  load(): Promise<Uint8Array>;
  /** `load` will do at any later time, too, and holds nothing until then. */
  readonly isLasting?: boolean;
}

export interface Prepared {
  readonly digest: string;
  readonly door: DoorName;
  readonly directory: string;
  readonly memoryMb: number;
}

type WithUser = <T>(run: (user: TranspileLimits['user']) => Promise<T>) => Promise<T>;

export class Preparer {
  readonly #store: PreparedStore;
  readonly #config: RuntimeConfig;
  readonly #clock: Clock;
  readonly #running = new Map<string, { promise: Promise<Prepared>; abort: AbortController }>();
  readonly #withUser: WithUser;
  readonly #jcoVersion = jcoVersion();
  /** Being looked at for damage, by key. */
  readonly #removing = new Map<string, Promise<void>>();
  /** Being transpiled, by the digest of the skeleton. */
  readonly #skeletons = new Map<string, Promise<Usable>>();
  /** By key: where to get the component again, should its files be damaged. */
  readonly #known = new Map<string, { artifact: Artifact; memoryMb: number }>();
  #stopped = false;
  /** Children that were started. */
  transpiled = 0;
  #waiting = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: {
    store: PreparedStore;
    config: RuntimeConfig;
    clock: Clock;
    /** Runs its argument with a user for the child; undefined for the daemon's own. */
    withUser?: WithUser;
  }) {
    this.#store = options.store;
    this.#config = options.config;
    this.#clock = options.clock;
    this.#withUser = options.withUser ?? ((run) => run(undefined));
  }

  /** Single flight per key; callers that come later share the first one's outcome. */
  async prepare(artifact: Artifact, memoryMb: number, signal: AbortSignal): Promise<Prepared> {
    signal.throwIfAborted();
    const key = `${artifact.digest}-${memoryMb}-${preparedSuffix(this.#jcoVersion)}`;
    return await this.#prepareAs(key, artifact, memoryMb, signal);
  }

  /**
   * Something of it was found damaged when it was to be run. What is damaged goes, so that the
   * next `prepare` makes it again; where it is known how to get the component, that is now.
   */
  async repair(directory: string, signal: AbortSignal): Promise<void> {
    const key = basename(directory);
    await this.#removeDamaged(key, directory);
    const known = this.#known.get(key);
    if (known !== undefined) await this.#prepareAs(key, known.artifact, known.memoryMb, signal);
  }

  /** Not while it is being made: what is looked at and what is taken away must be the same. */
  async #removeDamaged(key: string, directory: string): Promise<void> {
    for (;;) {
      const busy = this.#running.get(key)?.promise ?? this.#removing.get(key);
      if (busy === undefined) break;
      await busy.catch(() => {});
    }
    const removing = this.#store.removeDamaged(directory, digestOfKey(key));
    this.#removing.set(key, removing);
    await removing.finally(() => this.#removing.delete(key));
  }

  #remember(key: string, artifact: Artifact, memoryMb: number): void {
    this.#known.delete(key);
    this.#known.set(key, { artifact, memoryMb });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_MAX) break;
      this.#known.delete(oldest);
    }
  }

  async #prepareAs(
    key: string,
    artifact: Artifact,
    memoryMb: number,
    signal: AbortSignal,
  ): Promise<Prepared> {
    if (this.#stopped) throw new PopmeshError('unavailable', 'The runtime is stopping');
    let flight = this.#running.get(key);
    if (flight === undefined) {
      const abort = new AbortController();
      const promise = this.#run(key, artifact, memoryMb, abort.signal).finally(() =>
        this.#running.delete(key),
      );
      flight = { promise, abort };
      this.#running.set(key, flight);
    }
    return await untilAborted(flight.promise, signal, cancelled);
  }

  /** Ends what runs, and waits for what is being written: nothing of it comes later. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const reason = new PopmeshError('cancelled', 'Preparing was cancelled');
    for (const { abort } of this.#running.values()) abort.abort(reason);
    const running = this.#running.values().map(({ promise }) => promise);
    await Promise.allSettled([...running, ...this.#removing.values()]);
  }

  async #run(
    key: string,
    artifact: Artifact,
    memoryMb: number,
    signal: AbortSignal,
  ): Promise<Prepared> {
    const directory = this.#store.directoryOf(key);
    await this.#removing.get(key)?.catch(() => {});
    const held = await this.#store.find(key, artifact.digest);
    // What loads an upload holds all its bytes, and is not kept when it is prepared first.
    if (held !== undefined || artifact.isLasting === true) {
      this.#remember(key, artifact, memoryMb);
    }
    if (held !== undefined) {
      return { digest: held.digest, door: held.door, directory, memoryMb };
    }
    const bytes = await untilAborted(artifact.load(), signal, cancelled);
    if (sha256(bytes) !== artifact.digest) {
      throw new PopmeshError('digest_mismatch', 'The component is not what its digest says');
    }
    const facts = checkComponent(bytes, { componentBytesMax: this.#config.componentBytesMax });
    const { door } = facts;
    const { transpiled, images, skeleton } =
      (await this.#bySkeleton(bytes, facts, memoryMb, signal)) ??
      (await this.#inFull(bytes, facts, signal));
    const imagePages = new Map<string, number>();
    for (const { prepared } of images) {
      if (prepared.memory !== undefined) imagePages.set(prepared.module, prepared.memory.pages);
    }
    const common = limitModules({ files: transpiled.files, imagePages, memoryMb });
    const own = new Map<string, Uint8Array>();
    for (const { file, bytes: content } of images) {
      if (file !== undefined) own.set(file, content);
    }
    const sourceMap = sourceMapOf(bytes);
    if (sourceMap !== undefined) own.set(SOURCE_MAP_FILE, sourceMap);
    await this.#store.write(
      key,
      {
        digest: artifact.digest,
        door,
        memoryMb,
        skeleton,
        imports: transpiled.imports,
        images: images.map(({ prepared }) => prepared),
      },
      { common, own },
    );
    return { digest: artifact.digest, door, directory, memoryMb };
  }

  async #inFull(bytes: Uint8Array, facts: ComponentFacts, signal: AbortSignal): Promise<Made> {
    return { transpiled: await this.#transpile(bytes, facts, signal), images: [] };
  }

  /**
   * What the transpiler made of a skeleton serves every component that has it. Undefined for a
   * component that has none, or whose skeleton it refuses: then it sees the component itself,
   * so that the author reads about what was uploaded.
   */
  async #bySkeleton(
    bytes: Uint8Array,
    facts: ComponentFacts,
    memoryMb: number,
    signal: AbortSignal,
  ): Promise<Made | undefined> {
    const skeleton = takeSkeleton(bytes);
    if (skeleton === undefined) return undefined;
    for (const { image } of skeleton.modules) {
      if (image.memory !== undefined) checkInitialPages(image.memory.pages, memoryMb);
    }
    const digest = sha256(skeleton.component);
    let flight = this.#skeletons.get(digest);
    if (flight === undefined) {
      flight = this.#transpiledSkeleton(skeleton.component, digest, facts, signal);
      this.#skeletons.set(digest, flight);
      void flight.then(
        () => this.#skeletons.delete(digest),
        () => this.#skeletons.delete(digest),
      );
    }
    try {
      const transpiled = await flight;
      const images = placeImages(skeleton, transpiled.files);
      return images === undefined ? undefined : { transpiled, images, skeleton: digest };
    } catch (caught) {
      const { code, details } = PopmeshError.from(caught);
      if (code !== 'invalid_component' || details.limit !== undefined) throw caught;
      return undefined;
    }
  }

  /** From disk when it was made before. */
  async #transpiledSkeleton(
    component: Uint8Array,
    digest: string,
    facts: ComponentFacts,
    signal: AbortSignal,
  ): Promise<Usable> {
    const key = `skeleton-${digest}-${preparedSuffix(this.#jcoVersion)}`;
    if ((await this.#store.find(key, digest)) !== undefined) {
      const directory = this.#store.directoryOf(key);
      try {
        const { manifest, files } = await loadPrepared(directory);
        return { files, imports: manifest.imports };
      } catch {
        await this.#store.removeDamaged(directory, digest);
      }
    }
    const { files, imports } = await this.#transpile(component, facts, signal);
    const { door } = facts;
    const content = { common: files, own: new Map<string, Uint8Array>() };
    await this.#store.write(key, { digest, door, memoryMb: 0, imports, images: [] }, content);
    return { files, imports };
  }

  /** In the child; the glue trimmed and turned into a script. */
  async #transpile(
    component: Uint8Array,
    facts: ComponentFacts,
    signal: AbortSignal,
  ): Promise<Usable> {
    const { door } = facts;
    this.transpiled++;
    const { prepareDeadlineMs, prepareHeapMb, prepareOutputBytesMax } = this.#config;
    const limits = {
      deadlineMs: prepareDeadlineMs,
      heapMb: prepareHeapMb,
      outputBytesMax: prepareOutputBytesMax,
    };
    const { files, imports } = await this.#inTurn(() =>
      this.#withUser((user) =>
        transpileInChild(component, facts, { ...limits, user }, this.#clock, signal),
      ),
    );
    const glue = files.get(GLUE_FILE);
    if (glue === undefined) {
      throw new PopmeshError('invalid_component', 'The transpiler wrote no glue');
    }
    if (glue.length > GLUE_BYTES_MAX) {
      throw new PopmeshError('invalid_component', 'It has too many instances and imports in them', {
        details: { limit: 'glueBytesMax', max: GLUE_BYTES_MAX, actual: glue.length },
      });
    }
    const text = Buffer.from(glue).toString('utf8');
    const script = glueScript(trimGlue(text, door).source);
    return { files: new Map([...files, [GLUE_FILE, Buffer.from(script)]]), imports };
  }

  /** One child at a time: each may use a whole core and several hundred MB. */
  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#config.prepareQueueMax) {
      throw new PopmeshError('overloaded', 'Too many components are waiting to be prepared');
    }
    this.#waiting++;
    const previous = this.#turn;
    let release: () => void = () => {};
    this.#turn = new Promise((resolve) => {
      release = resolve;
    });
    try {
      await previous;
      return await run();
    } finally {
      this.#waiting--;
      release();
    }
  }
}

const cancelled = (): PopmeshError => new PopmeshError('cancelled', 'Preparing was cancelled');

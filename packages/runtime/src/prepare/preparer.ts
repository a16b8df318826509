import { type Clock, PopmeshError } from '@popmesh/contracts';
import { checkComponent } from '../check/component.ts';
import { STRUCTURE_LIMITS } from '../check/structure.ts';
import type { RuntimeConfig } from '../config.ts';
import type { DoorName } from '../worker/door.ts';
import { GLUE_FILE } from './generate-options.ts';
import { checkHostFunctions } from './host-functions.ts';
import { jcoVersion } from './jco-location.ts';
import { limitMemory } from './limit-memory.ts';
import { transpileInChild } from './run-child.ts';
import { SOURCE_MAP_FILE, sourceMapOf } from './source-map.ts';
import type { PreparedStore } from './store.ts';
import { sha256 } from './store.ts';
import { trimGlue } from './trim-glue.ts';

/**
 * From an artifact to files that an executor can load: check, transpile in a child, rewrite
 * the memory limits, trim the glue, store. Once per artifact, limit and software version;
 * never on the request path.
 */

/** Raised whenever what we do to the files changes, so that old ones are made again. */
export const PREPARATION_VERSION = 6;
/** Components of which is remembered how to get them again. */
const KNOWN_MAX = 50_000;

export interface Artifact {
  /** SHA-256 of the whole component. */
  readonly digest: string;
  load(): Promise<Uint8Array>;
}

export interface Prepared {
  readonly digest: string;
  readonly door: DoorName;
  readonly directory: string;
  readonly memoryMb: number;
}

export class Preparer {
  readonly #store: PreparedStore;
  readonly #config: RuntimeConfig;
  readonly #clock: Clock;
  readonly #running = new Map<string, { promise: Promise<Prepared>; abort: AbortController }>();
  readonly #jcoVersion = jcoVersion();
  /** By folder: where to get the component again, should its files be damaged. */
  readonly #known = new Map<string, { artifact: Artifact; memoryMb: number }>();
  #waiting = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: { store: PreparedStore; config: RuntimeConfig; clock: Clock }) {
    this.#store = options.store;
    this.#config = options.config;
    this.#clock = options.clock;
  }

  /** Single flight per key; callers that come later share the first one's outcome. */
  async prepare(artifact: Artifact, memoryMb: number, signal: AbortSignal): Promise<Prepared> {
    signal.throwIfAborted();
    const key = `${artifact.digest}-${memoryMb}-${this.#jcoVersion}-${PREPARATION_VERSION}`;
    let flight = this.#running.get(key);
    if (flight === undefined) {
      const abort = new AbortController();
      const promise = this.#run(key, artifact, memoryMb, abort.signal).finally(() =>
        this.#running.delete(key),
      );
      flight = { promise, abort };
      this.#running.set(key, flight);
    }
    return await untilAborted(flight.promise, signal);
  }

  /** Something of it was found damaged when it was to be run: made again. */
  async repair(directory: string, signal: AbortSignal): Promise<void> {
    const known = this.#known.get(directory);
    if (known !== undefined) await this.prepare(known.artifact, known.memoryMb, signal);
  }

  /** Ends what runs; used on stop. */
  cancelAll(): void {
    for (const { abort } of this.#running.values()) abort.abort();
  }

  async #run(
    key: string,
    artifact: Artifact,
    memoryMb: number,
    signal: AbortSignal,
  ): Promise<Prepared> {
    const directory = this.#store.directoryOf(key);
    const held = await this.#store.find(key);
    if (held !== undefined) {
      // Only of those found on disk: what loads an upload holds all its bytes.
      this.#known.delete(directory);
      this.#known.set(directory, { artifact, memoryMb });
      for (const oldest of this.#known.keys()) {
        if (this.#known.size <= KNOWN_MAX) break;
        this.#known.delete(oldest);
      }
      return { digest: held.digest, door: held.door, directory, memoryMb };
    }
    const bytes = await artifact.load();
    if (sha256(bytes) !== artifact.digest) {
      throw new PopmeshError('digest_mismatch', 'The component is not what its digest says');
    }
    const { door } = checkComponent(bytes, { componentBytesMax: this.#config.componentBytesMax });
    const transpiled = await this.#inTurn(() =>
      transpileInChild(
        bytes,
        door,
        {
          deadlineMs: this.#config.prepareDeadlineMs,
          heapMb: this.#config.prepareHeapMb,
          outputBytesMax: this.#config.prepareOutputBytesMax,
        },
        this.#clock,
        signal,
      ),
    );
    const files = new Map<string, Uint8Array>();
    for (const [name, content] of transpiled.files) {
      if (name === GLUE_FILE) {
        const glue = Buffer.from(content).toString('utf8');
        if (door === 'popmesh:function') checkHostFunctions(glue);
        const { source } = trimGlue(glue, door);
        files.set(name, Buffer.from(source));
      } else {
        files.set(name, limitMemory(content, memoryMb, STRUCTURE_LIMITS.tableEntriesMax));
      }
    }
    if (!files.has(GLUE_FILE)) {
      throw new PopmeshError('invalid_component', 'The transpiler wrote no glue');
    }
    const sourceMap = sourceMapOf(bytes);
    if (sourceMap !== undefined) files.set(SOURCE_MAP_FILE, sourceMap);
    await this.#store.write(
      key,
      { digest: artifact.digest, door, memoryMb, imports: transpiled.imports },
      files,
    );
    return { digest: artifact.digest, door, directory, memoryMb };
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

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new PopmeshError('cancelled', 'Preparing was cancelled'));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

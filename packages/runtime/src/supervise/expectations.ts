import type { Clock, Logger } from '@popmesh/contracts';
import {
  commonFiles,
  readCommon,
  type SkeletonCode,
  skeletonDigest,
} from '../executor/skeleton.ts';
import type { PlannedTarget } from '../plan.ts';
import { readManifest } from '../prepare/store.ts';
import { type Engine, engineOf } from './engines.ts';
import { type ExecutorProcess, isKill } from './executor-process.ts';
import { FamiliarSkeletons } from './familiar-skeletons.ts';

/**
 * What blank executor processes are told to expect: the skeleton that is familiar here, which
 * they compile, and make their blank workers ready with. The platform's share of a first request
 * is over then: 67 ms of CPU become 32, for 12 MB in each.
 *
 * Only engines of the platform's own list are expected, known by the SHA-256 that this daemon
 * computed of the component's skeleton: a blank process becomes any namespace's, and no tenant's
 * code may be in it. Refused: what two namespaces have, which one tenant with two tokens has; a
 * check in the executor, which is the process that must not be trusted.
 */

/** Components of which it is known what they have in common with others. */
const KNOWN_MAX = 1_000;
/** The process itself ends a thread earlier (executor/making-ready.ts); this is for the process. */
const READY_MS_MAX = 60_000;

interface Known {
  /** Of the files that workers get, which depend on the memory limit, too. */
  readonly digest: string;
  readonly engine: Engine;
}

export class Expectations {
  readonly #familiar = new FamiliarSkeletons();
  /** Components that have run, by folder; undefined for those of no engine of ours. */
  readonly #known = new Map<string, Known | undefined>();
  readonly #told = new WeakSet<ExecutorProcess>();
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A function has answered requests. True when there is something new to expect. */
  async ran(namespace: string, { directory, door }: PlannedTarget): Promise<boolean> {
    // A blank instance of the other door could not be made: it knows its context from the start.
    if (door !== 'popmesh:function') return false;
    if (!this.#known.has(directory)) {
      const known = await readKnown(directory);
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.set(directory, known);
    }
    const known = this.#known.get(directory);
    return known !== undefined && this.#familiar.ran(known.digest, namespace, directory);
  }

  /** The namespace serves these and no others. */
  keepOnly(namespace: string, directories: ReadonlySet<string>): void {
    this.#familiar.keepOnly(namespace, directories);
  }

  /**
   * Resolves when it is ready. One that ends by itself before that, whoever has it by then, or
   * that does not come to an end, was the last to be told of that skeleton: so nothing that ends
   * processes is tried in a loop.
   */
  async tell(process: ExecutorProcess, isBlank: () => boolean): Promise<void> {
    const digest = this.#familiar.best;
    if (digest === undefined || this.#told.has(process)) return;
    this.#told.add(process);
    const code = await this.#codeOf(digest);
    // Whoever has taken it meanwhile waits for nothing that is not its own.
    if (code === undefined || !isBlank()) return;
    const late = Promise.withResolvers<'late'>();
    const deadline = this.#clock.setTimer(READY_MS_MAX, () => late.resolve('late'));
    const outcome = await Promise.race([process.expect(code), late.promise]);
    deadline.cancel();
    if (outcome === 'ready') return;
    if (outcome === 'ended' && isKill(await process.whenEnded)) return;
    this.#familiar.struck(digest);
    this.#logger.error('an executor could not be made ready for what others run', {
      digest,
      outcome,
    });
    // Something may still be going on in it, and nobody's function may begin beside that.
    if (isBlank()) process.child.kill('SIGKILL');
  }

  /** Of any component that has it and is still there. */
  async #codeOf(digest: string): Promise<SkeletonCode | undefined> {
    for (const [directory, known] of this.#known) {
      if (known?.digest !== digest) continue;
      const code = await readSkeleton(directory, known.engine).catch(() => undefined);
      if (code !== undefined && skeletonDigest(code.door, code.files) === digest) return code;
      this.#known.delete(directory);
    }
    return undefined;
  }
}

async function readKnown(directory: string): Promise<Known | undefined> {
  const manifest = await readManifest(directory);
  const engine = engineOf(manifest.skeleton);
  if (engine === undefined) return undefined;
  return { engine, digest: skeletonDigest(manifest.door, commonFiles(manifest)) };
}

/** Verified, with nothing of what is the component's own; the memory's size is the engine's. */
async function readSkeleton(directory: string, engine: Engine): Promise<SkeletonCode> {
  const manifest = await readManifest(directory);
  if (engineOf(manifest.skeleton) !== engine) throw new Error('another component by now');
  return {
    door: manifest.door,
    files: await readCommon(directory, commonFiles(manifest)),
    images: manifest.images.map(({ module, memory }) => {
      if (memory === undefined) return { module };
      return { module, memory: { name: memory.name, pages: engine.memoryPages } };
    }),
  };
}

import type { Logger } from '@popmesh/contracts';
import {
  commonFiles,
  readCommon,
  type SkeletonCode,
  skeletonDigest,
} from '../executor/skeleton.ts';
import type { PlannedTarget } from '../plan.ts';
import { readManifest } from '../prepare/store.ts';
import { type ExecutorProcess, isKill } from './executor-process.ts';
import { FamiliarSkeletons } from './familiar-skeletons.ts';

/**
 * What blank executor processes are told to expect: the skeleton that is familiar here, which
 * they compile, and make their blank workers ready with. The platform's share of a first request
 * is over then: 67 ms of CPU become 32, for 12 MB in each.
 */

/** Components of which it is known what they have in common with others. */
const KNOWN_MAX = 1_000;

export class Expectations {
  readonly #familiar = new FamiliarSkeletons();
  /** Components that have run, and their skeletons. */
  readonly #known = new Map<string, string>();
  readonly #told = new WeakSet<ExecutorProcess>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** A function has answered requests. True when there is something new to expect. */
  async ran(namespace: string, { directory, door }: PlannedTarget): Promise<boolean> {
    // A blank instance of the other door could not be made: it knows its context from the start.
    if (door !== 'popmesh:function') return false;
    let digest = this.#known.get(directory);
    if (digest === undefined) {
      digest = skeletonDigest(door, commonFiles(await readManifest(directory)));
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.set(directory, digest);
    }
    return this.#familiar.ran(digest, namespace);
  }

  /**
   * Resolves when it is ready. One that ends by itself before that, whoever has it by then, was
   * the last to be told of that skeleton: so nothing that ends processes is tried in a loop.
   */
  async tell(process: ExecutorProcess, isBlank: () => boolean): Promise<void> {
    const digest = this.#familiar.best;
    if (digest === undefined || this.#told.has(process)) return;
    this.#told.add(process);
    const code = await this.#codeOf(digest);
    // Whoever has taken it meanwhile waits for nothing that is not its own.
    if (code === undefined || !isBlank()) return;
    if (await process.expect(code)) return;
    if (isKill(await process.whenEnded)) return;
    this.#familiar.struck(digest);
    this.#logger.error('an executor ended while it compiled what others run', { digest });
  }

  /** Of any component that has it and is still there. */
  async #codeOf(digest: string): Promise<SkeletonCode | undefined> {
    for (const [directory, known] of this.#known) {
      if (known !== digest) continue;
      const code = await readSkeleton(directory).catch(() => undefined);
      if (code !== undefined && skeletonDigest(code.door, code.files) === digest) return code;
      this.#known.delete(directory);
    }
    return undefined;
  }
}

/** Verified, with nothing of what is the component's own. */
async function readSkeleton(directory: string): Promise<SkeletonCode> {
  const manifest = await readManifest(directory);
  return {
    door: manifest.door,
    files: await readCommon(directory, commonFiles(manifest)),
    images: manifest.images.map(({ module, memory }) => {
      if (memory === undefined) return { module };
      return { module, memory: { name: memory.name, pages: memory.pages } };
    }),
  };
}

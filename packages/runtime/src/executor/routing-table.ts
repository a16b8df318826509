import { type FunctionId, PopmeshError } from '@popmesh/contracts';
import type { PlannedDeployment, PlannedTarget } from '../plan.ts';
import type { ComponentCode } from '../worker/component-code.ts';
import { LastWords } from './last-words.ts';
import type { ModuleLoader } from './module-loader.ts';
import type { SlotPool, SlotPoolOptions } from './slot-pool.ts';
import { emptyUsage } from './usage.ts';
import { chooseTarget, keyFraction } from './version-choice.ts';

/**
 * Which functions this executor serves, and which pool answers for which version. A newer
 * deployment takes over only when everything it names is loaded and warm; what the old one
 * runs is finished.
 */

interface Route {
  readonly revision: bigint;
  readonly targets: readonly RouteTarget[];
}

export interface RouteTarget {
  readonly version: number;
  readonly weight: number;
  readonly pool: SlotPool;
}

/** Whom a pool tells what: by default the daemon. */
export type PoolReports = Pick<SlotPoolOptions, 'enter' | 'onStart' | 'usage' | 'onLog'>;

export type CreatePool = (
  options: Pick<SlotPoolOptions, 'function' | 'target' | 'load' | 'keep' | 'repair'> &
    Partial<PoolReports>,
) => SlotPool;

export class RoutingTable {
  readonly #routes = new Map<string, Route>();
  /** Older ones that finish what they have. */
  readonly #leaving = new Set<SlotPool>();
  readonly #loader: ModuleLoader;
  readonly #createPool: CreatePool;
  readonly #repair: (directory: string) => Promise<void>;
  readonly #keepOnly: (directories: ReadonlySet<string>) => void;

  constructor(
    loader: ModuleLoader,
    createPool: CreatePool,
    repair: (directory: string) => Promise<void>,
    keepOnly: (directories: ReadonlySet<string>) => void,
  ) {
    this.#loader = loader;
    this.#createPool = createPool;
    this.#repair = repair;
    this.#keepOnly = keepOnly;
  }

  /** The version that answers, undefined for a function that is not here. */
  choose(id: string, clientKey: string, random: () => number): RouteTarget | undefined {
    const route = this.#routes.get(id);
    if (route === undefined) return undefined;
    return chooseTarget(route.targets, () =>
      clientKey === '' ? random() : keyFraction(clientKey),
    );
  }

  *pools(): Iterable<SlotPool> {
    for (const route of this.#routes.values())
      for (const target of route.targets) yield target.pool;
    yield* this.#leaving;
  }

  async apply(deployment: PlannedDeployment): Promise<void> {
    const revision = BigInt(deployment.revision);
    const held = this.#routes.get(deployment.function);
    if (held !== undefined && held.revision >= revision) return;
    if (deployment.targets.length === 0) {
      throw new PopmeshError('invalid_argument', 'A deployment needs at least one version');
    }
    const fresh: SlotPool[] = [];
    try {
      const targets = await Promise.all(
        deployment.targets.map(async (target) => {
          const kept = held?.targets.find((it) => isSame(it.pool.options.target, target));
          const pool = kept?.pool ?? (await this.#newPool(deployment, target, fresh));
          return { version: target.version, weight: target.weight, pool };
        }),
      );
      targets.sort((a, b) => a.version - b.version);
      // Another apply may have come past while this one loaded.
      const now = this.#routes.get(deployment.function);
      if (now !== undefined && now.revision >= revision) {
        this.#retire(fresh);
        return;
      }
      this.#routes.set(deployment.function, { revision, targets });
      const used = new Set(targets.map((target) => target.pool));
      this.#retire((now?.targets ?? []).map((it) => it.pool).filter((pool) => !used.has(pool)));
    } catch (error) {
      this.#retire(fresh);
      throw error;
    }
  }

  /** Whether an instance can be made of each version; nothing of it stays, and nobody is told. */
  async try(deployment: PlannedDeployment): Promise<void> {
    const said = new LastWords();
    const pools = deployment.targets.map((target) =>
      this.#poolOf(deployment.function, target, {
        enter: async () => () => {},
        onStart: () => {},
        usage: () => emptyUsage(deployment.function, target.version),
        onLog: (_level, message) => said.add(message),
      }),
    );
    try {
      await Promise.all(pools.map((pool) => pool.warm()));
    } catch (error) {
      throw said.addTo(PopmeshError.from(error, 'executor_failed'));
    } finally {
      this.#retire(pools);
    }
  }

  /** A first instance of each, one after the other; what cannot start shows at its first request. */
  async warm(ids: readonly FunctionId[]): Promise<void> {
    for (const id of ids) {
      for (const { pool } of this.#routes.get(id)?.targets ?? []) await pool.warm().catch(() => {});
    }
  }

  remove(id: FunctionId): void {
    const route = this.#routes.get(id);
    this.#routes.delete(id);
    this.#retire((route?.targets ?? []).map((target) => target.pool));
  }

  async close(): Promise<void> {
    const pools = [...this.pools()];
    this.#routes.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  async #newPool(
    deployment: PlannedDeployment,
    target: PlannedTarget,
    fresh: SlotPool[],
  ): Promise<SlotPool> {
    const pool = this.#poolOf(deployment.function, target);
    fresh.push(pool);
    if (deployment.warm) await pool.warm();
    else this.#loader.prefetch(target.directory);
    return pool;
  }

  #poolOf(id: FunctionId, target: PlannedTarget, more: Partial<Parameters<CreatePool>[0]> = {}) {
    return this.#createPool({
      function: id,
      target,
      load: () => this.#load(target),
      keep: (code, message) => this.#loader.keep(code, message),
      repair: () => this.#repair(target.directory),
      ...more,
    });
  }

  /** Files that are not as they were prepared are made again, and never run. */
  async #load(target: PlannedTarget): Promise<ComponentCode> {
    try {
      return await this.#loader.load(target);
    } catch (error) {
      if (!(error instanceof PopmeshError) || error.code !== 'digest_mismatch') throw error;
      await this.#repair(target.directory).catch(() => {
        throw error;
      });
      return await this.#loader.load(target);
    }
  }

  #retire(pools: readonly SlotPool[]): void {
    for (const pool of pools) {
      this.#leaving.add(pool);
      void pool.retire().then(() => {
        this.#leaving.delete(pool);
        const used = new Set([...this.pools()].map((it) => it.options.target.directory));
        this.#keepOnly(used);
      });
    }
  }
}

/** The same code under the same settings: such a pool, warm as it is, is kept. */
const isSame = (a: PlannedTarget, b: PlannedTarget): boolean =>
  a.version === b.version &&
  a.directory === b.directory &&
  JSON.stringify(a.plan) === JSON.stringify(b.plan);

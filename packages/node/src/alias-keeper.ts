import {
  type Clock,
  type FunctionId,
  type Logger,
  PopmeshError,
  type Timer,
} from '@popmesh/contracts';
import type { GoingBack, Registry } from '@popmesh/replication';
import { failedEverywhere } from './failed-everywhere.ts';
import type { MeshView } from './mesh-view.ts';

/**
 * Takes `live` back where no node could make ready what it points to. The node that accepted the
 * change does it, the others wait their turn in case it is gone; two that do it at once write two
 * records that say the same, of which the newer holds. Refused: an elected node, which a split
 * would leave without; leaving it as it is, for then the first node that joins serves nothing.
 */

/** How often it is looked at, and only where some node announces a failure. */
const LOOK_EVERY_MS = 250;
/** What holds so long is no half-heard state: announcements are up to 100 ms apart. */
const SETTLED_MS = 1000;
/** For each that comes before in the order. */
const TURN_MS = 3000;

export interface AliasKeeperOptions {
  readonly selfId: string;
  readonly registry: Pick<Registry, 'get'> & {
    goBack(fn: string, back: GoingBack): Promise<unknown>;
  };
  readonly view: Pick<MeshView, 'nodes'>;
  readonly notReady: () => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class AliasKeeper {
  readonly #options: AliasKeeperOptions;
  /** Since when it can be made ready nowhere, by function and change. */
  #since = new Map<string, number>();
  #timer: Timer | undefined;
  #acting: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: AliasKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setTimer(LOOK_EVERY_MS, () => {
      this.#look();
      this.start();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#acting;
  }

  #look(): void {
    const { view, registry, selfId, notReady, clock } = this.#options;
    const nodes = view.nodes();
    const failing = new Set(
      nodes.flatMap(({ announcement }) => announcement.failures.map((failed) => failed.function)),
    );
    const since = new Map<string, number>();
    if (notReady() === undefined) {
      for (const id of failing) {
        const held = getOrNothing(registry, id);
        const verdict = held === undefined ? undefined : failedEverywhere(held, nodes, clock.now());
        if (held === undefined || verdict === undefined) continue;
        const key = `${id}@${verdict.from}`;
        const sinceMs = this.#since.get(key) ?? clock.monotonic();
        const waitMs = SETTLED_MS + TURN_MS * Math.max(0, verdict.deciders.indexOf(selfId));
        if (clock.monotonic() - sinceMs < waitMs) since.set(key, sinceMs);
        else this.#goBack(held.id, verdict);
      }
    }
    this.#since = since;
  }

  #goBack(id: FunctionId, back: GoingBack): void {
    const { registry, logger } = this.#options;
    const act = async (): Promise<void> => {
      try {
        await registry.goBack(id, back);
      } catch (caught) {
        const error = PopmeshError.from(caught);
        if (error.code !== 'conflict')
          logger.warn('live could not go back', { function: id, error });
      }
    };
    this.#acting = this.#acting.then(act);
  }
}

/** What others announce is no proof that there is such a function, or that it is a name. */
function getOrNothing(registry: AliasKeeperOptions['registry'], id: string) {
  try {
    const view = registry.get(id);
    return view === undefined || view.deleted ? undefined : view;
  } catch {
    return undefined;
  }
}

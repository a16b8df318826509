import { type Logger, PopmeshError } from '@popmesh/contracts';
import { type FunctionView, noticeName, type Registry } from '@popmesh/replication';
import type { AuditLog } from './audit-log.ts';

/**
 * Puts what the mesh did unasked (two sides of a split joined, `live` gone back) on record on
 * every node that learns of it, and tells the node's own authors once more with their next
 * deploy. What the disk knew at the start is on record from before.
 */

export interface NoticeWatchOptions {
  readonly nodeId: string;
  readonly registry: Pick<Registry, 'list' | 'onChanged'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly logger: Logger;
}

export class NoticeWatch {
  readonly #options: NoticeWatchOptions;
  /** Of each function that has any, those that its record holds. */
  readonly #seen = new Map<string, ReadonlySet<string>>();
  #unsubscribe: () => void = () => {};
  #writing: Promise<void> = Promise.resolve();

  constructor(options: NoticeWatchOptions) {
    this.#options = options;
  }

  start(): void {
    for (const view of this.#options.registry.list()) this.#remember(view);
    this.#unsubscribe = this.#options.registry.onChanged((view) => this.#look(view));
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#writing;
  }

  #remember(view: FunctionView): void {
    if (view.notices.length > 0) this.#seen.set(view.id, new Set(view.notices.map(noticeName)));
    else this.#seen.delete(view.id);
  }

  #look(view: FunctionView): void {
    const { nodeId, audit, logger } = this.#options;
    const seen = this.#seen.get(view.id);
    this.#remember(view);
    for (const notice of view.notices) {
      if (seen?.has(noticeName(notice)) === true) continue;
      const { kind, message, authors } = notice;
      logger.warn(message, { function: view.id, kind, authors });
      this.#writing = this.#writing
        .then(() =>
          audit.append({
            action: kind === 'rolled_back' ? 'rolled_back' : 'conflict',
            who: authors.join(', ') || nodeId,
            what: `${view.id}: ${message}`,
            revision: view.revision.toString(),
            from: 'mesh',
          }),
        )
        .catch((error: unknown) => {
          logger.error('a notice could not be audited', { error: PopmeshError.from(error) });
        });
    }
  }
}

/** What an author who deploys now was not told yet: what happened since the last time. */
export function noticesSince(view: FunctionView | undefined, author: string): string[] {
  if (view === undefined) return [];
  const own = view.versions.filter(({ createdBy }) => createdBy === author);
  const times = (own.length > 0 ? own : view.versions).map(({ createdAtMs }) =>
    Number(createdAtMs),
  );
  const lastMs = Math.max(0, ...times);
  return view.notices
    .filter(({ timeMs }) => Number(timeMs) >= lastMs)
    .map(({ message }) => message);
}

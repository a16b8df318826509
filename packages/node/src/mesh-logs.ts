import { type Clock, type Logger, PopmeshError } from '@popmesh/contracts';
import { DroppingFeed } from './dropping-feed.ts';
import { droppedLine, LOG_HUB_BOUNDS, type LogHub } from './log-hub.ts';
import { fromEntry, type LogFilter, type LogLine, lineBytes } from './log-line.ts';
import type { MeshView } from './mesh-view.ts';
import type { PeerClients } from './peer-clients.ts';

/**
 * The logs of the whole mesh, as one stream: this node's own, and a TailLogs
 * call to each other node. Nodes that come later are joined, nodes that go are
 * tried again while they are members. Lines are in order per node only; a total
 * order would have to wait for the slowest link.
 */

/** A gRPC call must have a deadline; at this one it is simply made again. */
const TAIL_TIMEOUT_MS = 10 * 60_000;
const LOOK_FOR_NODES_MS = 1000;
export const MESH_LOG_READERS_MAX = 32;

interface Tail {
  readonly reader: string;
  readonly feed: DroppingFeed<LogLine>;
  readonly seen: Map<string, number>;
  readonly signal: AbortSignal;
}

export interface MeshLogsOptions {
  readonly self: { readonly id: string; readonly pop: string };
  readonly hub: LogHub;
  readonly view: Pick<MeshView, 'reachableNodes'>;
  readonly clients: PeerClients;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class MeshLogs {
  readonly #options: MeshLogsOptions;
  #readers = 0;

  constructor(options: MeshLogsOptions) {
    this.#options = options;
  }

  /**
   * Until `signal` is aborted or the reader returns. Throws `overloaded`. `reader` is the id of the
   * token: each node holds its readers by it, so that asking many nodes gives one tenant no more.
   */
  follow(filter: LogFilter, signal: AbortSignal, reader: string): AsyncIterable<LogLine> {
    if (this.#readers >= MESH_LOG_READERS_MAX) {
      throw new PopmeshError('overloaded', 'too many readers of logs at this node', {
        details: { limit: 'mesh_log_readers', max: MESH_LOG_READERS_MAX },
      });
    }
    const { self, hub, clock } = this.#options;
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const feed = new DroppingFeed<LogLine>(
      { itemsMax: LOG_HUB_BOUNDS.followerLinesMax, bytesMax: LOG_HUB_BOUNDS.followerBytesMax },
      (count) => droppedLine(count, filter, self, clock.now()),
    );
    const own = hub.follow(filter, both, reader);
    this.#readers++;
    // Not where the reading ends: a reader that goes away before its first line never begins it.
    const end = (): void => {
      this.#readers--;
      feed.close();
    };
    if (both.aborted) end();
    else both.addEventListener('abort', end, { once: true });
    const pumping = Promise.all([pump(own, feed), this.#followPeers(filter, feed, both, reader)]);
    pumping.catch(() => {});
    return (async function* () {
      try {
        yield* feed;
      } finally {
        over.abort();
      }
    })();
  }

  /** One tail for each node that is there, looked for again every second. */
  async #followPeers(
    filter: LogFilter,
    feed: DroppingFeed<LogLine>,
    signal: AbortSignal,
    reader: string,
  ): Promise<void> {
    const tails = new Set<string>();
    /** Time of the last line of each node: a tail begins with old lines, also when it is made again. */
    const seen = new Map<string, number>();
    while (!signal.aborted) {
      for (const { announcement } of this.#options.view.reachableNodes()) {
        const { id, meshAddress } = announcement;
        if (tails.has(id)) continue;
        tails.add(id);
        void this.#tail(id, meshAddress, filter, { reader, feed, seen, signal }).finally(() =>
          tails.delete(id),
        );
      }
      await this.#options.clock.sleep(LOOK_FOR_NODES_MS, signal).catch(() => {});
    }
  }

  async #tail(
    id: string,
    address: string,
    filter: LogFilter,
    { reader, feed, seen, signal }: Tail,
  ): Promise<void> {
    const { clients, logger } = this.#options;
    const [namespace = '', name = ''] = filter.function?.split('/') ?? [filter.namespace];
    const since = seen.get(id) ?? Number.NEGATIVE_INFINITY;
    try {
      const entries = clients
        .at(address)
        .tailLogs({ namespace, name, reader }, { timeoutMs: TAIL_TIMEOUT_MS, signal });
      for await (const entry of entries) {
        const line = fromEntry(entry, id);
        if (line.timeMs <= since) continue;
        seen.set(id, line.timeMs);
        feed.push(line, lineBytes(line));
      }
    } catch (error) {
      if (!signal.aborted) logger.debug('a log tail ended', { node: id, error });
    }
  }
}

async function pump(lines: AsyncIterable<LogLine>, feed: DroppingFeed<LogLine>): Promise<void> {
  for await (const line of lines) feed.push(line, lineBytes(line));
}

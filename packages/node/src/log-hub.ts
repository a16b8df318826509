import { type Metrics, PopmeshError } from '@popmesh/contracts';
import { DroppingFeed } from './dropping-feed.ts';
import { boundedMessage, type LogFilter, type LogLine, lineBytes, matches } from './log-line.ts';

/**
 * The logs of this node's functions: a ring of the last lines for who comes
 * late, and a feed for each follower. Nothing is kept on disk: operators who
 * keep logs follow them.
 */

export interface LogHubBounds {
  readonly ringLinesMax: number;
  readonly ringBytesMax: number;
  /** Lines of the ring that a new follower gets first. */
  readonly replayLinesMax: number;
  readonly followersMax: number;
  /** Of one reader, by the id of its token, whichever node it asked. */
  readonly followersPerReaderMax: number;
  readonly followerLinesMax: number;
  readonly followerBytesMax: number;
}

/** Worst case 4 MB + 32 × 1 MB. */
export const LOG_HUB_BOUNDS: LogHubBounds = {
  ringLinesMax: 1000,
  ringBytesMax: 4 * 1024 * 1024,
  replayLinesMax: 100,
  followersMax: 32,
  followersPerReaderMax: 8,
  followerLinesMax: 1000,
  followerBytesMax: 1024 * 1024,
};

export interface LogHubOptions {
  readonly self: { readonly id: string; readonly pop: string };
  readonly bounds?: LogHubBounds;
  readonly metrics: Metrics;
}

interface Follower {
  readonly reader: string;
  readonly filter: LogFilter;
  readonly feed: DroppingFeed<LogLine>;
}

export class LogHub {
  readonly #self: LogHubOptions['self'];
  readonly #bounds: LogHubBounds;
  readonly #followers = new Set<Follower>();
  readonly #onDropped: (count: number) => void;
  #ring: LogLine[] = [];
  #ringBytes = 0;

  constructor({ self, bounds, metrics }: LogHubOptions) {
    this.#self = self;
    this.#bounds = bounds ?? LOG_HUB_BOUNDS;
    const dropped = metrics.counter(
      'popmesh_log_lines_dropped_total',
      'Log lines that a slow follower did not get',
    );
    this.#onDropped = (count) => dropped.add(count);
  }

  append(line: Omit<LogLine, 'node' | 'pop'>): void {
    const whole: LogLine = {
      ...line,
      node: this.#self.id,
      pop: this.#self.pop,
      message: boundedMessage(line.message),
    };
    const bytes = lineBytes(whole);
    this.#ring.push(whole);
    this.#ringBytes += bytes;
    while (
      this.#ring.length > this.#bounds.ringLinesMax ||
      this.#ringBytes > this.#bounds.ringBytesMax
    ) {
      const oldest = this.#ring.shift();
      if (oldest === undefined) break;
      this.#ringBytes -= lineBytes(oldest);
    }
    for (const follower of this.#followers) {
      if (matches(follower.filter, whole)) follower.feed.push(whole, bytes);
    }
  }

  /** Until `signal` is aborted or the reader returns. Throws `overloaded` when all places are taken. */
  follow(filter: LogFilter, signal: AbortSignal, reader = ''): AsyncIterable<LogLine> {
    if (this.#followers.size >= this.#bounds.followersMax) {
      throw new PopmeshError('overloaded', 'too many readers of logs on this node', {
        details: { limit: 'log_followers', max: this.#bounds.followersMax },
      });
    }
    const perReaderMax = this.#bounds.followersPerReaderMax;
    if (reader !== '' && this.#heldBy(reader) >= perReaderMax) {
      throw new PopmeshError('overloaded', 'too many readers of logs with this token', {
        hint: 'Close one of them, or read with a token of its own.',
        details: { limit: 'log_followers_per_token', max: perReaderMax },
      });
    }
    const feed = new DroppingFeed<LogLine>(
      { itemsMax: this.#bounds.followerLinesMax, bytesMax: this.#bounds.followerBytesMax },
      (count) => this.#droppedLine(count, filter),
      this.#onDropped,
    );
    const recent = this.#ring.filter((line) => matches(filter, line));
    for (const line of recent.slice(-this.#bounds.replayLinesMax)) {
      feed.push(line, lineBytes(line));
    }
    const follower: Follower = { reader, filter, feed };
    this.#followers.add(follower);
    const end = (): void => {
      this.#followers.delete(follower);
      signal.removeEventListener('abort', end);
      feed.close();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return whileOpen(feed, end);
  }

  get followers(): number {
    return this.#followers.size;
  }

  #heldBy(reader: string): number {
    return [...this.#followers].filter((follower) => follower.reader === reader).length;
  }

  #droppedLine(count: number, filter: LogFilter): LogLine {
    return droppedLine(count, filter, this.#self, this.#ring.at(-1)?.timeMs ?? 0);
  }
}

async function* whileOpen<T>(feed: AsyncIterable<T>, end: () => void): AsyncGenerator<T> {
  try {
    yield* feed;
  } finally {
    end();
  }
}

/** Stands where lines are missing, in the place of the function that was asked for. */
export const droppedLine = (
  count: number,
  filter: LogFilter,
  from: { readonly id: string; readonly pop: string },
  timeMs: number,
): LogLine => ({
  timeMs,
  node: from.id,
  pop: from.pop,
  function: filter.function ?? `${filter.namespace ?? '*'}/*`,
  version: 0,
  level: 'warn',
  message: `${count} lines were dropped here: the reader was too slow`,
  requestId: '',
});
